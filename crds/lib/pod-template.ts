import { z } from 'zod';

/**
 * The parts of a PodTemplateSpec that the platform reads. Nothing of it is judged at admission: `kubernetes` runtimes hand it
 * to the API server, which knows its own version of the type better than a copy could.
 */
export interface PodTemplate {
  metadata?: { name?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  spec?: {
    nodeName?: string;
    nodeSelector?: Record<string, string>;
    affinity?: unknown;
    restartPolicy?: string;
    containers?: Container[];
    [field: string]: unknown;
  };
  [field: string]: unknown;
}

export interface Container {
  name?: string;
  image?: string;
  command?: string[];
  args?: string[];
  env?: { name: string; value?: string; valueFrom?: unknown }[];
  ports?: { containerPort: number; name?: string; protocol?: string }[];
  [field: string]: unknown;
}

/** Any object, kept whole. */
export const preserved = <T = Record<string, unknown>>(description: string) =>
  z.looseObject({}).describe(description) as unknown as z.ZodType<T>;

export const podTemplate = () =>
  preserved<PodTemplate>('PodTemplateSpec of the worker, labels and annotations included; kept as written.');
