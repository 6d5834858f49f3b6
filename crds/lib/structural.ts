import { z } from 'zod';

/** The subset of OpenAPI v3 that a structural schema of apiextensions.k8s.io/v1 may use. */
export interface StructuralSchema {
  type?: string;
  description?: string;
  properties?: Record<string, StructuralSchema>;
  additionalProperties?: StructuralSchema;
  items?: StructuralSchema;
  required?: string[];
  'x-kubernetes-preserve-unknown-fields'?: true;
  [keyword: string]: unknown;
}

/** Translates a zod schema. Throws on what a structural schema cannot say (unions, transforms). */
export function toStructural(schema: z.ZodType): StructuralSchema {
  return structural(z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input' }));
}

function structural(node: Record<string, unknown>): StructuralSchema {
  const { properties, additionalProperties, items, ...rest } = node;
  for (const keyword of ['anyOf', 'oneOf', 'allOf', '$ref']) {
    if (keyword in node) throw new Error(`a structural schema cannot hold ${keyword}`);
  }
  const result: StructuralSchema = rest;
  // Zod bounds every integer by what a JSON number holds exactly; below, only the upper bound can be met by accident.
  if (result.minimum === Number.MIN_SAFE_INTEGER) delete result.minimum;
  if (properties && Object.keys(properties).length > 0) {
    result.properties = Object.fromEntries(
      Object.entries(properties as Record<string, Record<string, unknown>>).map(([key, value]) => [
        key,
        structural(value),
      ]),
    );
  }
  if (items) result.items = structural(items as Record<string, unknown>);
  if (additionalProperties) {
    if (Object.keys(additionalProperties).length === 0) result['x-kubernetes-preserve-unknown-fields'] = true;
    else result.additionalProperties = structural(additionalProperties as Record<string, unknown>);
  }
  return result;
}
