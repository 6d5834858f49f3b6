import { expect } from '@jest/globals';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '..', 'golden');

/** `UPDATE_GOLDEN=1` writes what is seen instead of comparing: read the difference as a user would before it is committed. */
export const updating = process.env.UPDATE_GOLDEN === '1';

export function golden(name: string): string {
  const file = join(folder, `${name}.txt`);
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

export function update(name: string, text: string): void {
  writeFileSync(join(folder, `${name}.txt`), text);
}

export function goldenNames(): string[] {
  return readdirSync(folder)
    .map((file) => file.replace(/\.txt$/, ''))
    .sort();
}

/** What every message of a process has: the error, what to do, and where it is described. Logs have them as members of a line. */
export function expectHelp(text: string): void {
  expect(text).toMatch(/^error: |"level":[45]0/m);
  expect(text).toMatch(/^ {2}hint: \S|"hint":"\S/m);
  expect(text).toMatch(/^ {2}more: docs\/errors\.md#\w+$|"more":"docs\/errors\.md#\w+"/m);
}
