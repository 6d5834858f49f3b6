import type { z } from 'zod';

/** One check, spelled twice: in CEL for the API server and in TypeScript for everyone else. The two must agree. */
export interface Rule<T> {
  /** CEL expression over `self`. Strings it reads need a `maxLength`, or the API server refuses the rule as too costly. */
  cel: string;
  /** What is expected, in words that follow the field's path. */
  message: string;
  check: (value: T) => boolean;
}

/** Adds rules to a schema. Both verdicts carry the same message. */
export function withRules<S extends z.ZodType>(schema: S, ...rules: Rule<z.output<S>>[]): S {
  let checked = schema;
  for (const { check, message } of rules) checked = checked.refine(check, { error: message });
  return checked.meta({
    ...schema.meta(),
    'x-kubernetes-validations': rules.map(({ cel, message }) => ({ rule: cel, message })),
  });
}
