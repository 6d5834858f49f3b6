import { pathOf } from './issues.ts';
import type { FieldError } from './issues.ts';

/** Deeper than any manifest; a parser of this language would exhaust its stack first. */
const MAX_DEPTH = 200;

/** Members that could reach a prototype once the object is copied, and nesting that no reader could survive. */
export function unsafeKeys(value: unknown, path: readonly PropertyKey[] = []): FieldError[] {
  if (typeof value !== 'object' || value === null) return [];
  if (path.length > MAX_DEPTH) return [{ path: pathOf(path), message: `is nested deeper than ${MAX_DEPTH} levels` }];
  if (Array.isArray(value)) return value.flatMap((item, index) => unsafeKeys(item, [...path, index]));
  return Object.entries(value).flatMap(([key, member]) => {
    const here = [...path, key];
    return key === '__proto__'
      ? [{ path: pathOf(here), message: 'is not allowed as a key' }]
      : unsafeKeys(member, here);
  });
}
