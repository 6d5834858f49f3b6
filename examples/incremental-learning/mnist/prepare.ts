/**
 * `node prepare.ts [DIR]`: an empty dataset, and a first model that was honestly trained on a few samples only, so that there is
 * something to improve. Both Models begin as this one.
 */
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { allDigits, readDigits, writeDigit } from './digits.ts';
import { digitEstimator } from './estimator.ts';

/** Digits that the first model was trained on. The feeder starts behind them. */
export const initialSamples = 60;

export async function prepare(directory: string): Promise<void> {
  for (const part of ['data', 'models', 'output']) {
    rmSync(join(directory, part), { recursive: true, force: true });
    mkdirSync(join(directory, part), { recursive: true });
  }
  const seed = join(directory, 'models', 'initial.txt');
  const lines = allDigits()
    .slice(0, initialSamples)
    .map((digit, i) => writeDigit(join(directory, 'models'), i, digit));
  writeFileSync(seed, `${lines.join('\n')}\n`);
  const estimator = digitEstimator(10);
  await estimator.train(await readDigits(seed, seed));
  await estimator.save(join(directory, 'models', 'initial.onnx'));
  copyFileSync(join(directory, 'models', 'initial.onnx'), join(directory, 'models', 'deployed.onnx'));
  writeFileSync(join(directory, 'data', 'index.txt'), '');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const directory = process.argv[2] ?? '/tmp/sedna-mnist';
  await prepare(directory);
  console.log(`dataset and first model are in ${directory}`);
}
