import type { z } from 'zod';
import type { StructuralSchema } from './structural.ts';
import { suggest } from './suggest.ts';

export interface FieldError {
  /** Path of the field as kubectl writes it: `spec.trainingWorkers[0].dataset.name`. */
  path: string;
  /** What is wrong and what to write instead; follows the path in a sentence. */
  message: string;
}

/** Errors of a failed parse, one per field. `schema` is what unknown fields are compared with. */
export function fieldErrors(error: z.ZodError, schema: StructuralSchema): FieldError[] {
  return error.issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return [{ path: pathOf(issue.path), message: issue.message }];
    const known = Object.keys(at(schema, issue.path)?.properties ?? {});
    return issue.keys.map((key) => ({ path: pathOf([...issue.path, key]), message: unknownField(key, known) }));
  });
}

/** Messages for what schemas do not word themselves. */
export function wording(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'too_big') return `must be at most ${issue.maximum}`;
  if (issue.code === 'too_small') return `must be at least ${issue.minimum}`;
  if (issue.code !== 'invalid_type') return undefined;
  if (issue.input === undefined) return 'is required';
  if (typeof issue.input === 'number' && !Number.isFinite(issue.input)) return 'must be a finite number';
  const expected = TYPE_WORDS[issue.expected] ?? issue.expected;
  return `must be ${/^[aeiou]/.test(expected) ? 'an' : 'a'} ${expected}, not ${typeName(issue.input)}`;
}

const TYPE_WORDS: Record<string, string> = { int: 'whole number', record: 'object' };

function unknownField(key: string, known: readonly string[]): string {
  const close = suggest(key, known);
  if (close) return `is not a known field; did you mean "${close}"?`;
  return known.length > 0 ? `is not a known field; known here: ${known.join(', ')}` : 'is not a known field';
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'number') return Number.isInteger(value) ? `the number ${value}` : `the fraction ${value}`;
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function at(schema: StructuralSchema, path: readonly PropertyKey[]): StructuralSchema | undefined {
  let node: StructuralSchema | undefined = schema;
  for (const key of path) node = typeof key === 'number' ? node?.items : node?.properties?.[String(key)];
  return node;
}

export function pathOf(keys: readonly PropertyKey[]): string {
  return keys.reduce<string>((path, key) => {
    if (typeof key === 'number') return `${path}[${key}]`;
    return path === '' ? String(key) : `${path}.${String(key)}`;
  }, '');
}
