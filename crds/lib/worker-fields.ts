import { createHash } from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';
import type { PodTemplate } from './pod-template.ts';

/** Where a template wants to run, and a digest that changes whenever the template does. */
export interface WorkerFields {
  node?: string;
  nodeSelector?: Record<string, string>;
  /** SHA-256 of the template's canonical JSON, in hex. */
  templateDigest: string;
}

// Templates are not judged at admission, so nothing about their inside may be taken for granted here.
export function workerFields(template: PodTemplate): WorkerFields {
  const node: unknown = template.spec?.nodeName;
  const selector = stringMembers(template.spec?.nodeSelector);
  return {
    ...(typeof node === 'string' && node !== '' && { node }),
    ...(selector && { nodeSelector: selector }),
    templateDigest: createHash('sha256').update(canonicalJson(template)).digest('hex'),
  };
}

function stringMembers(value: unknown): Record<string, string> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}
