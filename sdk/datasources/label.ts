/** Splits the label off a record. Throws when the record has no such member. */
export function takeLabel(record: Record<string, unknown>, label: string | undefined) {
  if (!label) return { rest: record, value: undefined };
  if (!Object.hasOwn(record, label)) throw new Error(`has no "${label}"; members: ${Object.keys(record).join(', ')}`);
  const { [label]: value, ...rest } = record;
  return { rest, value };
}
