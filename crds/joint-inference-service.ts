import { z } from 'zod';
import { age, cure, message, node, phase, ready, reason, since } from './lib/columns.ts';
import { deferred, hardExamples, MINING_MODES } from './lib/joint-inference.ts';
import { hardExampleMining } from './lib/key-value.ts';
import { defineKind } from './lib/kind.ts';
import type { Manifest, PrinterColumn } from './lib/kind.ts';
import { autoscaling, replicas } from './lib/kubernetes.ts';
import { reference } from './lib/names.ts';
import { podTemplate } from './lib/pod-template.ts';
import { counter, metrics, statusOf } from './lib/status.ts';

const spec = z.strictObject({
  edgeWorker: z.strictObject({
    model: reference('little Model'),
    hardExampleMining: hardExampleMining(),
    template: podTemplate(),
    replicas: replicas(),
    hpa: autoscaling().optional(),
  }),
  cloudWorker: z.strictObject({
    model: reference('big Model'),
    template: podTemplate(),
    replicas: replicas(),
    hpa: autoscaling().optional(),
  }),
  mode: z
    .enum(MINING_MODES)
    .describe('Whether the little model is asked before or after a sample is judged. Default: inference-then-mining.')
    .optional(),
  deferred: deferred()
    .describe('Final answers for hard examples that could not reach the cloud at once. Default: none.')
    .optional(),
  hardExamples: hardExamples().describe('Where hard examples are collected. Default: nowhere.').optional(),
});

/** One replica of a worker set. Unknown members are kept: newer writers may add some. */
const workers = z
  .array(
    z.looseObject({
      name: z.string(),
      role: z.string().optional(),
      node: z.string().optional(),
      state: z.string().describe('starting, ready, failing or draining').optional(),
      restarts: z.int().optional(),
    }),
  )
  .meta({ 'x-kubernetes-list-type': 'atomic' })
  .optional();

const status = statusOf({
  active: counter(),
  failed: counter(),
  metrics: metrics(),
  workers: workers.describe('Every replica, with its node and state.'),
  replicas: z.string().describe('Ready and wanted replicas: 2/2.').optional(),
});

const replicaColumn: PrinterColumn = { name: 'Replicas', type: 'string', jsonPath: '.status.replicas' };
const ratioColumn: PrinterColumn = {
  name: 'Upload',
  type: 'string',
  jsonPath: '.status.metrics[?(@.key=="uploadCloudRatio")].value',
  description: 'Share of the requests that were hard examples.',
};

export const jointInferenceService = defineKind({
  kind: 'JointInferenceService',
  shortNames: ['ji'],
  description: 'A little model at the edge that sends hard examples to a big one. Available when both workers serve.',
  spec,
  status,
  printerColumns: [phase, ready, replicaColumn, ratioColumn, reason, since, node, message, cure, age],
});

export type JointInferenceServiceSpec = z.infer<typeof spec>;
export type JointInferenceServiceStatus = z.infer<typeof status>;
export type JointInferenceService = Manifest<JointInferenceServiceSpec, JointInferenceServiceStatus>;
