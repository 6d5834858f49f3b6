/** `node prepare.ts [DIR]`: trains the router and leaves it in DIR, with a file that stands for the big model. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { writeRouter } from './classifier.ts';

export async function prepare(directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true });
  await writeRouter(directory);
  writeFileSync(join(directory, 'big.txt'), 'The big model is a program: cloud.ts.\n');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const directory = process.argv[2] ?? '/tmp/sedna-router';
  await prepare(directory);
  console.log(`the router is in ${directory}`);
}
