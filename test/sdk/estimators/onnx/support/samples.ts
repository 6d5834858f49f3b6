import { Random } from '../../../../../sdk/estimators/onnx/index.ts';
import type { OnnxSamples } from '../../../../../sdk/estimators/onnx/index.ts';

/** Points in the plane in three clouds: learned in a few epochs by any working optimizer. */
export function clouds(count: number, seed = 1): OnnxSamples {
  const random = new Random(seed);
  const centres = [
    [0, 1],
    [-1, -0.5],
    [1, -0.5],
  ] as const;
  const inputs = new Float32Array(count * 2);
  const labels = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const label = i % 3;
    const [x = 0, y = 0] = centres[label] ?? [];
    inputs[2 * i] = x + 0.2 * random.normal();
    inputs[2 * i + 1] = y + 0.2 * random.normal();
    labels[i] = label;
  }
  return { inputs, labels, count, shape: [2] };
}
