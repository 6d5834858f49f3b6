import { z } from 'zod';
import { serviceColumns } from './lib/columns.ts';
import { defineKind } from './lib/kind.ts';
import type { Manifest } from './lib/kind.ts';
import { jobFields } from './lib/kubernetes.ts';
import { counter, statusOf } from './lib/status.ts';

const spec = z.strictObject({
  ...jobFields,
  kafkaSupport: z.boolean().describe('Exchange frames over the message bus. Default: false.').optional(),
});

const status = statusOf({ active: counter(), succeeded: counter(), failed: counter() });

export const reidJob = defineKind({
  kind: 'ReidJob',
  shortNames: ['reid'],
  description: 'Finds the same object again across cameras. Available while its worker serves.',
  spec,
  status,
  printerColumns: serviceColumns,
});

export type ReidJobSpec = z.infer<typeof spec>;
export type ReidJobStatus = z.infer<typeof status>;
export type ReidJob = Manifest<ReidJobSpec, ReidJobStatus>;
