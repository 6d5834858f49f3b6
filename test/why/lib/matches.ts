/** Whether a value has all that is expected: members of objects, text that a regular expression finds, else equal. */
export function matches(value: unknown, expected: unknown): boolean {
  if (expected instanceof RegExp)
    return (typeof value === 'string' || typeof value === 'number') && expected.test(`${value}`);
  if (typeof expected !== 'object' || expected === null) return value === expected;
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(expected).every(([key, wanted]) => matches((value as Record<string, unknown>)[key], wanted));
}
