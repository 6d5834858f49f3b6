/** `node feed.ts [COUNT] [DIR]`: appends new labelled digits to the dataset, as a camera with a patient person beside it would. */
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { allDigits, writeDigit } from './digits.ts';
import { initialSamples } from './prepare.ts';

/** Images first, then their lines in one write: whoever reads a line finds its image. Returns the size of the dataset. */
export function feed(directory: string, count: number): number {
  const lines = writeImages(directory, count);
  appendFileSync(indexFile(directory), lines);
  return knownSamples(directory);
}

export function indexFile(directory: string): string {
  return join(directory, 'data', 'index.txt');
}

/** Images of the next samples; their lines are returned, not written. */
export function writeImages(directory: string, count: number): string {
  const known = knownSamples(directory);
  const fresh = allDigits().slice(initialSamples + known, initialSamples + known + count);
  return fresh.map((digit, i) => `${writeDigit(join(directory, 'data'), known + i, digit)}\n`).join('');
}

function knownSamples(directory: string): number {
  return readFileSync(indexFile(directory), 'utf8').split('\n').length - 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [count = '600', directory = '/tmp/sedna-mnist'] = process.argv.slice(2);
  console.log(`the dataset has ${feed(directory, Number(count))} samples now`);
}
