/** `node prepare.ts [DIR]`: the two nodes of the example beside this one, and a third whose digits are of all kinds. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { allDigits, writeDigit } from '../../incremental-learning/mnist/digits.ts';
import { prepare as prepareHonest } from '../mnist/prepare.ts';

const [from, digits] = [4_000, 800];

export async function prepare(directory: string): Promise<void> {
  await prepareHonest(directory);
  const third = join(directory, 'edge-3');
  mkdirSync(third, { recursive: true });
  const lines = allDigits()
    .slice(from, from + digits)
    .map((digit, i) => writeDigit(third, i, digit));
  writeFileSync(join(third, 'index.txt'), `${lines.join('\n')}\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const directory = process.argv[2] ?? '/tmp/sedna-federated';
  await prepare(directory);
  console.log(`three datasets, a test set and the first model are in ${directory}`);
}
