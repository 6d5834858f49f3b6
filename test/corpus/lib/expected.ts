import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { Case, Expected } from './family.ts';

export const corpusDirectory = join(import.meta.dirname, '..');

/** One line of an `expected.yaml`: the verdict, and what is particular to some parsers. */
export type Entry<More = unknown> = Expected & { except?: Case<unknown>['except'] } & More;

/** `expected.yaml` of a family: case (a file of the folder, or a name) → entry. */
export function readExpected<More>(family: string): [string, Entry<More>][] {
  const text = readFileSync(join(corpusDirectory, family, 'expected.yaml'), 'utf8');
  return Object.entries(parse(text) as Record<string, Entry<More>>);
}

export function caseOf<I>(name: string, input: I, { except = {}, ...entry }: Entry): Case<I> {
  const { verdict, reason, path, message, value } = entry;
  return { name, input, expected: { verdict, reason, path, message, value }, except };
}
