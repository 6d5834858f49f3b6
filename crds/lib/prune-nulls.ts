import type { StructuralSchema } from './structural.ts';

/**
 * Copies `value` without the null members of declared objects: the API server treats `field: null` as absent.
 * Preserved parts and array elements are kept as they are, also as the API server does.
 */
export function pruneNulls(value: unknown, schema: StructuralSchema): unknown {
  if (Array.isArray(value)) {
    const items = schema.items;
    return items ? value.map((item) => pruneNulls(item, items)) : value;
  }
  if (!isObject(value)) return value;
  const result: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) {
    const known = schema.properties?.[key];
    if (known && member === null) continue;
    define(result, key, known ? pruneNulls(member, known) : member);
  }
  return result;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

// Plain assignment of a key named __proto__ would set the prototype instead of a member.
function define(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}
