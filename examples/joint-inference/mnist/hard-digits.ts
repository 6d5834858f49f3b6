import { readJson } from '../../../sdk/index.ts';
import type { OnnxSamples } from '../../../sdk/estimators/onnx/index.ts';
import { pixels } from '../../incremental-learning/mnist/digits.ts';

/** Lines that the edge worker wrote: the image as numbers, and the big model's digit as label. */
export async function readHardDigits(file: string): Promise<OnnxSamples> {
  const { x, y } = await readJson([file], { label: 'label', parseRecord: (record) => (record as { x: number[] }).x });
  const inputs = new Float32Array(x.length * pixels);
  for (const [i, image] of (x as number[][]).entries()) inputs.set(image, i * pixels);
  return { inputs, labels: Int32Array.from(y, Number), shape: [pixels], count: x.length };
}
