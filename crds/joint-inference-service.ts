import { z } from 'zod';
import { serviceColumns } from './lib/columns.ts';
import { hardExampleMining } from './lib/key-value.ts';
import { defineKind } from './lib/kind.ts';
import type { Manifest } from './lib/kind.ts';
import { autoscaling } from './lib/kubernetes.ts';
import { reference } from './lib/names.ts';
import { podTemplate } from './lib/pod-template.ts';
import { counter, metrics, statusOf } from './lib/status.ts';

const spec = z.strictObject({
  edgeWorker: z.strictObject({
    model: reference('little Model'),
    hardExampleMining: hardExampleMining(),
    template: podTemplate(),
    hpa: autoscaling().optional(),
  }),
  cloudWorker: z.strictObject({
    model: reference('big Model'),
    template: podTemplate(),
    hpa: autoscaling().optional(),
  }),
});

const status = statusOf({ active: counter(), failed: counter(), metrics: metrics() });

export const jointInferenceService = defineKind({
  kind: 'JointInferenceService',
  shortNames: ['ji'],
  description: 'A little model at the edge that sends hard examples to a big one. Available when both workers serve.',
  spec,
  status,
  printerColumns: serviceColumns,
});

export type JointInferenceServiceSpec = z.infer<typeof spec>;
export type JointInferenceServiceStatus = z.infer<typeof status>;
export type JointInferenceService = Manifest<JointInferenceServiceSpec, JointInferenceServiceStatus>;
