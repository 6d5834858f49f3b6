import { z } from 'zod';
import { loopColumns } from './lib/columns.ts';
import { hardExampleMining } from './lib/key-value.ts';
import { defineKind } from './lib/kind.ts';
import type { Manifest } from './lib/kind.ts';
import { learningDataset } from './lib/learning.ts';
import { outputDirectory } from './lib/locations.ts';
import { credentialName, dnsName, reference } from './lib/names.ts';
import { podTemplate } from './lib/pod-template.ts';
import { statusOf } from './lib/status.ts';
import { trainTrigger, trigger } from './lib/trigger.ts';

const deployModel = z.strictObject({
  name: dnsName().describe('Model that new versions replace.'),
  hotUpdateEnabled: z
    .boolean()
    .describe('Swap the model inside the running inference worker instead of restarting it. Default: false.')
    .optional(),
  pollPeriodSeconds: z
    .int()
    .min(1, 'must be 1 or more seconds')
    .describe('How often the inference worker looks for a new version, in seconds; used with hot update only.')
    .default(60),
});

const spec = z.strictObject({
  dataset: learningDataset(),
  initialModel: reference('Model that the first round starts from'),
  trainSpec: z.strictObject({ template: podTemplate(), trigger: trainTrigger() }),
  evalSpec: z.strictObject({
    initialEvalModel: reference('Model that the first round is compared with').optional(),
    template: podTemplate(),
  }),
  deploySpec: z.strictObject({
    model: deployModel,
    trigger: trigger(),
    hardExampleMining: hardExampleMining(),
    template: podTemplate(),
  }),
  outputDir: outputDirectory().describe('Directory or s3:// prefix for samples and models of the rounds.'),
  credentialName: credentialName(),
});

const status = statusOf({});

export const incrementalLearningJob = defineKind({
  kind: 'IncrementalLearningJob',
  shortNames: ['il'],
  description:
    'Trains, evaluates and deploys again whenever enough new samples came. Available when its inference worker serves.',
  spec,
  status,
  printerColumns: loopColumns,
});

export type IncrementalLearningJobSpec = z.infer<typeof spec>;
export type IncrementalLearningJobStatus = z.infer<typeof status>;
export type IncrementalLearningJob = Manifest<IncrementalLearningJobSpec, IncrementalLearningJobStatus>;
