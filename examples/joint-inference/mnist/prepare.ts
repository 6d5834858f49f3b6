/** `node prepare.ts [DIR]`: trains the models, the little one on few digits, the middle one on more, the big one on many, and leaves them in `DIR/models`; an empty dataset of hard examples. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { OnnxSamples } from '../../../sdk/estimators/onnx/index.ts';
import { allDigits, pixels, type Digit } from '../../incremental-learning/mnist/digits.ts';
import { bigEstimator, littleEstimator, middleEstimator } from './models.ts';

export const testDigits = 1_000;
const littleDigits = 500;
const middleDigits = 2_000;
const bigDigits = 4_000;

/** Digits that no model was trained on. */
export const testSet = (): readonly Digit[] => allDigits().slice(0, testDigits);

export function samplesOf(digits: readonly Digit[]): OnnxSamples {
  const inputs = new Float32Array(digits.length * pixels);
  for (const [i, { image }] of digits.entries()) inputs.set(imageOf(image), i * pixels);
  const labels = Int32Array.from(digits, ({ label }) => label);
  return { inputs, labels, shape: [pixels], count: digits.length };
}

/** Grey values as the models take them, 0..1. */
export const imageOf = (image: Uint8Array): Float32Array => Float32Array.from(image, (value) => value / 255);

export async function prepare(directory: string): Promise<void> {
  const models = join(directory, 'models');
  for (const part of ['data', 'models', 'output']) {
    rmSync(join(directory, part), { recursive: true, force: true });
    mkdirSync(join(directory, part), { recursive: true });
  }
  writeFileSync(join(directory, 'data', 'hard.jsonl'), '');
  const digits = allDigits().slice(testDigits);
  for (const [name, estimator, count] of [
    ['little', littleEstimator(), littleDigits],
    ['middle', middleEstimator(), middleDigits],
    ['big', bigEstimator(), bigDigits],
  ] as const) {
    await estimator.train(samplesOf(digits.slice(0, count)));
    await estimator.save(join(models, `${name}.onnx`));
    await estimator.close();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const directory = process.argv[2] ?? '/tmp/sedna-joint';
  await prepare(directory);
  console.log(`the models are in ${join(directory, 'models')}`);
}
