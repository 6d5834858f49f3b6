import { z } from 'zod';
import { serviceColumns } from './lib/columns.ts';
import { defineKind } from './lib/kind.ts';
import type { Manifest } from './lib/kind.ts';
import { deploymentFields } from './lib/kubernetes.ts';
import { podTemplate } from './lib/pod-template.ts';
import { counter, statusOf } from './lib/status.ts';

const spec = z.strictObject({
  userWorker: z.strictObject({ template: podTemplate() }),
  trackingWorkers: z
    .array(z.strictObject({ template: podTemplate() }))
    .min(1, 'must name at least one tracking worker'),
  reidWorkers: z.strictObject(deploymentFields),
});

const status = statusOf({ active: counter(), failed: counter() });

export const objectSearchService = defineKind({
  kind: 'ObjectSearchService',
  shortNames: ['objs'],
  description: 'Searches an object in many streams. Available when all of its workers serve.',
  spec,
  status,
  printerColumns: serviceColumns,
});

export type ObjectSearchServiceSpec = z.infer<typeof spec>;
export type ObjectSearchServiceStatus = z.infer<typeof status>;
export type ObjectSearchService = Manifest<ObjectSearchServiceSpec, ObjectSearchServiceStatus>;
