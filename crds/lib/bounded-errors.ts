import type { FieldError } from './issues.ts';

/** More errors help nobody, and all of them travel in one signal. */
const MAX_ERRORS = 20;
/** Characters of a path or a message; both may quote what the user wrote. */
const MAX_LENGTH = 500;

/** The first errors, each of bounded length and without characters that a terminal would obey. */
export function bounded(errors: readonly FieldError[]): FieldError[] {
  const first = errors
    .slice(0, MAX_ERRORS)
    .map(({ path, message }) => ({ path: printable(path), message: printable(message) }));
  const more = errors.length - first.length;
  return more > 0 ? [...first, { path: '', message: `and ${more} more errors` }] : first;
}

// Control characters, and those that change the direction of what is shown after them.
const UNPRINTABLE = /[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]/gu;

function printable(text: string): string {
  const short = text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
  return short.replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
