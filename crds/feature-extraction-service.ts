import { z } from 'zod';
import { serviceColumns } from './lib/columns.ts';
import { defineKind } from './lib/kind.ts';
import type { Manifest } from './lib/kind.ts';
import { deploymentFields } from './lib/kubernetes.ts';
import { reference } from './lib/names.ts';
import { counter, metrics, statusOf } from './lib/status.ts';

const spec = z.strictObject({
  ...deploymentFields,
  kafkaSupport: z.boolean().describe('Exchange frames over the message bus. Default: false.').optional(),
  model: reference('Model that extracts features'),
});

const status = statusOf({ active: counter(), failed: counter(), metrics: metrics() });

export const featureExtractionService = defineKind({
  kind: 'FeatureExtractionService',
  shortNames: ['fe'],
  description: 'Workers that turn detections into feature vectors. Available when all replicas serve.',
  spec,
  status,
  printerColumns: serviceColumns,
});

export type FeatureExtractionServiceSpec = z.infer<typeof spec>;
export type FeatureExtractionServiceStatus = z.infer<typeof status>;
export type FeatureExtractionService = Manifest<FeatureExtractionServiceSpec, FeatureExtractionServiceStatus>;
