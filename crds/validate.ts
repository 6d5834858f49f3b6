import { z } from 'zod';
import { customResourceDefinition } from './lib/custom-resource-definition.ts';
import { bounded } from './lib/bounded-errors.ts';
import { fieldErrors, wording } from './lib/issues.ts';
import type { FieldError } from './lib/issues.ts';
import { API_VERSION } from './lib/kind.ts';
import type { KindDefinition, Manifest } from './lib/kind.ts';
import { metadata } from './lib/metadata.ts';
import { pruneNulls } from './lib/prune-nulls.ts';
import { toStructural } from './lib/structural.ts';
import type { StructuralSchema } from './lib/structural.ts';
import { unsafeValues } from './lib/unsafe-values.ts';
import { findKind, kinds } from './registry.ts';

export type { FieldError } from './lib/issues.ts';

export type Verdict = { ok: true; kind: string; manifest: Manifest } | { ok: false; errors: FieldError[] };

/**
 * Judges one object as the API server would: defaults are applied, unknown fields of our own objects are refused by path,
 * templates are kept as they are, a user's `status` is dropped. Stricter than the API server in two points that it cannot
 * check: time zones must exist and no key may be `__proto__`. Errors are few and short enough for a terminal and a signal.
 */
export function validateManifest(object: unknown): Verdict {
  const verdict = judge(object);
  return verdict.ok ? verdict : { ok: false, errors: bounded(verdict.errors) };
}

function judge(object: unknown): Verdict {
  const head = headSchema.safeParse(object, { error: wording });
  if (!head.success) return { ok: false, errors: fieldErrors(head.error, {}) };
  const unsafe = unsafeValues(object);
  if (unsafe.length > 0) return { ok: false, errors: unsafe };
  const kind = findKind(head.data.kind);
  if (kind?.kind !== head.data.kind) return { ok: false, errors: [unknownKind(head.data.kind)] };
  const { schema, structural } = compiled(kind);
  const parsed = schema.safeParse(pruneNulls(object, structural), { error: wording });
  if (!parsed.success) return { ok: false, errors: fieldErrors(parsed.error, structural) };
  const { status: _dropped, ...manifest } = parsed.data;
  return { ok: true, kind: kind.kind, manifest };
}

/** The errors as text for people, one line each. */
export function formatErrors(errors: readonly FieldError[]): string {
  return errors.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join('\n');
}

const headSchema = z.looseObject({
  apiVersion: z.literal(API_VERSION, { error: `must be ${API_VERSION}` }),
  kind: z.string(),
});

function unknownKind(name: string): FieldError {
  const known = kinds.map(({ kind }) => kind).join(', ');
  return { path: 'kind', message: `"${name}" is not a kind of ${API_VERSION}; known: ${known}` };
}

const METADATA = toStructural(metadata);
const cache = new Map<KindDefinition, ReturnType<typeof compile>>();

function compiled(kind: KindDefinition) {
  const known = cache.get(kind) ?? compile(kind);
  cache.set(kind, known);
  return known;
}

function compile(kind: KindDefinition) {
  const schema = z.strictObject({
    apiVersion: z.literal(API_VERSION),
    kind: z.literal(kind.kind),
    metadata,
    spec: kind.spec,
    status: z.unknown().optional(),
  });
  const [version] = customResourceDefinition(kind).spec.versions;
  const root: StructuralSchema = version?.schema.openAPIV3Schema ?? {};
  const structural = { ...root, properties: { ...root.properties, metadata: METADATA } };
  return { schema, structural };
}
