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
import { tiers } from './lib/tiers.ts';

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
  tiers: tiers()
    .describe(
      'Worker sets between edge and cloud, from the edge towards the cloud: each asks the next one. Default: none.',
    )
    .optional(),
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

const tierStatus = z
  .array(
    z.looseObject({
      name: z.string(),
      ready: z.int().describe('Replicas that serve.').optional(),
      wanted: z.int().describe('Replicas that are wanted.').optional(),
      requests: z.int().describe('Requests that its workers have counted.').optional(),
      hard: z.int().describe('Those of them that were hard for its model.').optional(),
      ratio: z.string().describe('Share of the hard ones.').optional(),
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
  chain: z
    .string()
    .describe(
      'The sets from the edge to the cloud, with the share that each found hard: "edge 30% > site 10% > cloud".',
    )
    .optional(),
  tiers: tierStatus.describe('Of a service with spec.tiers: every set from the edge to the cloud.'),
});

const replicaColumn: PrinterColumn = { name: 'Replicas', type: 'string', jsonPath: '.status.replicas' };
const ratioColumn: PrinterColumn = {
  name: 'Upload',
  type: 'string',
  jsonPath: '.status.metrics[?(@.key=="uploadCloudRatio")].value',
  description: 'Share of the requests that were hard examples.',
};

const tiersColumn: PrinterColumn = {
  name: 'Tiers',
  type: 'string',
  jsonPath: '.status.chain',
  priority: 1,
  description: 'From the edge to the cloud, with the share of requests that each set found hard.',
};

export const jointInferenceService = defineKind({
  kind: 'JointInferenceService',
  shortNames: ['ji'],
  description:
    'A little model at the edge that sends hard examples to a big one. Available when all its workers serve.',
  spec,
  status,
  printerColumns: [phase, ready, replicaColumn, ratioColumn, reason, since, node, tiersColumn, message, cure, age],
});

export type JointInferenceServiceSpec = z.infer<typeof spec>;
export type JointInferenceServiceStatus = z.infer<typeof status>;
export type JointInferenceService = Manifest<JointInferenceServiceSpec, JointInferenceServiceStatus>;
