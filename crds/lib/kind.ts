import type { z } from 'zod';

export const GROUP = 'sedna.io';
export const VERSION = 'v1alpha1';
export const API_VERSION = `${GROUP}/${VERSION}`;

export interface PrinterColumn {
  name: string;
  type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  jsonPath: string;
  description?: string;
  /** 1 shows the column in `-o wide` only. */
  priority?: number;
}

/** Everything that the platform says about one kind, apart from its workflow. */
export interface KindDefinition {
  kind: string;
  plural: string;
  singular: string;
  shortNames: string[];
  description: string;
  spec: z.ZodType;
  status: z.ZodType;
  printerColumns: PrinterColumn[];
}

export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  generation?: number;
  resourceVersion?: string;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  finalizers?: string[];
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  [field: string]: unknown;
}

/** One object as users write it and as the API server returns it. */
export interface Manifest<Spec = unknown, Status = unknown> {
  apiVersion: typeof API_VERSION;
  kind: string;
  metadata: ObjectMeta;
  spec: Spec;
  status?: Status;
}

export function defineKind<const D extends Omit<KindDefinition, 'plural' | 'singular'>>(definition: D) {
  const singular = definition.kind.toLowerCase();
  return { ...definition, singular, plural: `${singular}s` };
}
