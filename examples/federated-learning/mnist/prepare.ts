/**
 * `node prepare.ts [DIR]`: two nodes whose digits differ, a test set for both, and an untrained first model. The first node has the digits
 * 0 to 4 and a few of the others, the second one the digits 5 to 9 and a few of the others: neither could learn all of them alone.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { allDigits, writeDigit, type Digit } from '../../incremental-learning/mnist/digits.ts';
import { federatedEstimator } from './estimator.ts';

export const places = ['edge-1', 'edge-2'] as const;
export const testDigits = 1_000;
const trainDigits = 2_400;
/** One in so many digits goes to the node that has the other half. */
const overlap = 20;

/** Index of the node that a digit belongs to; `i`: its place in the fixed order. */
export function nodeOf({ label }: Digit, i: number): number {
  const home = label < 5 ? 0 : 1;
  return i % overlap === 0 ? 1 - home : home;
}

export async function prepare(directory: string): Promise<void> {
  rmSync(directory, { recursive: true, force: true });
  const digits = allDigits();
  writeSet(join(directory, 'test'), digits.slice(0, testDigits));
  const train = digits.slice(testDigits, testDigits + trainDigits);
  for (const [n, place] of places.entries()) {
    writeSet(
      join(directory, place),
      train.filter((digit, i) => nodeOf(digit, i) === n),
    );
  }
  mkdirSync(join(directory, 'models'), { recursive: true });
  const estimator = federatedEstimator();
  await estimator.save(join(directory, 'models', 'global.onnx'));
  await estimator.close();
}

export function writeSet(directory: string, digits: readonly Digit[]): void {
  mkdirSync(directory, { recursive: true });
  const lines = digits.map((digit, i) => writeDigit(directory, i, digit));
  writeFileSync(join(directory, 'index.txt'), `${lines.join('\n')}\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const directory = process.argv[2] ?? '/tmp/sedna-federated';
  await prepare(directory);
  console.log(`two datasets, a test set and the first model are in ${directory}`);
}
