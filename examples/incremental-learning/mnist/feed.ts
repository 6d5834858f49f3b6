/** `node feed.ts [COUNT] [DIR]`: appends new labelled digits to the dataset, as a camera with a patient person beside it would. */
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { allDigits, writeDigit } from './digits.ts';
import { initialSamples } from './prepare.ts';

/** Images first, then their lines in one write: whoever reads a line finds its image. Returns the size of the dataset. */
export function feed(directory: string, count: number): number {
  const data = join(directory, 'data');
  const index = join(data, 'index.txt');
  const known = readFileSync(index, 'utf8').split('\n').length - 1;
  const fresh = allDigits().slice(initialSamples + known, initialSamples + known + count);
  const lines = fresh.map((digit, i) => writeDigit(data, known + i, digit));
  appendFileSync(index, lines.map((line) => `${line}\n`).join(''));
  return known + fresh.length;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [count = '600', directory = '/tmp/sedna-mnist'] = process.argv.slice(2);
  console.log(`the dataset has ${feed(directory, Number(count))} samples now`);
}
