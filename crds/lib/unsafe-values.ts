import { pathOf } from './issues.ts';
import type { FieldError } from './issues.ts';

/** Deeper than any manifest; a parser of this language would exhaust its stack first. */
const MAX_DEPTH = 200;

/**
 * What no part of a manifest may hold, preserved templates included: members that could reach a prototype once the object is copied,
 * numbers that JSON cannot write (it would turn them into null), and nesting that no reader survives.
 */
export function unsafeValues(value: unknown, path: readonly PropertyKey[] = []): FieldError[] {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return [{ path: pathOf(path), message: 'must be a finite number' }];
  }
  if (typeof value !== 'object' || value === null) return [];
  if (path.length > MAX_DEPTH) return [{ path: pathOf(path), message: `is nested deeper than ${MAX_DEPTH} levels` }];
  if (Array.isArray(value)) return value.flatMap((item, index) => unsafeValues(item, [...path, index]));
  return Object.entries(value).flatMap(([key, member]) => {
    const here = [...path, key];
    return key === '__proto__'
      ? [{ path: pathOf(here), message: 'is not allowed as a key' }]
      : unsafeValues(member, here);
  });
}
