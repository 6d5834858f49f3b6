import { z } from 'zod';
import { loopColumns } from './lib/columns.ts';
import { defineKind } from './lib/kind.ts';
import type { Manifest } from './lib/kind.ts';
import { learningDataset } from './lib/learning.ts';
import { outputDirectory } from './lib/locations.ts';
import { credentialName } from './lib/names.ts';
import { podTemplate } from './lib/pod-template.ts';
import { counter, statusOf } from './lib/status.ts';
import { trainTrigger } from './lib/trigger.ts';

const spec = z.strictObject({
  dataset: learningDataset(),
  trainSpec: z.strictObject({ template: podTemplate(), trigger: trainTrigger() }),
  evalSpec: z.strictObject({ template: podTemplate() }),
  deploySpec: z.strictObject({ template: podTemplate() }),
  outputDir: outputDirectory().describe('Directory or s3:// prefix of the knowledge base.'),
  credentialName: credentialName(),
});

const aiModel = z.looseObject({
  modelID: z.string(),
  averagePrecision: z.number(),
  numberOfTrainSamples: z.int(),
});

const knowledgeBase = z.looseObject({
  AIModels: z.looseObject({ numberOfAIModels: counter(), listOfAIModels: z.array(aiModel).optional() }).optional(),
  AIClasses: z
    .looseObject({ numberOfAIClasses: counter(), listOfAIClasses: z.array(z.string()).optional() })
    .optional(),
  samples: z.looseObject({ numberOfLabeledUnseenSample: counter(), numberOfUnseenSample: counter() }).optional(),
});

const status = statusOf({ knowledgeBase: knowledgeBase.optional() });

export const lifelongLearningJob = defineKind({
  kind: 'LifelongLearningJob',
  shortNames: ['ll'],
  description: 'Keeps learning tasks into a knowledge base. Available when its inference worker serves.',
  spec,
  status,
  printerColumns: loopColumns,
});

export type LifelongLearningJobSpec = z.infer<typeof spec>;
export type LifelongLearningJobStatus = z.infer<typeof status>;
export type LifelongLearningJob = Manifest<LifelongLearningJobSpec, LifelongLearningJobStatus>;
