import { z } from 'zod';
import { defineKind } from './lib/kind.ts';
import type { Manifest } from './lib/kind.ts';
import { age, cure, message, phase, ready, reason, since } from './lib/columns.ts';
import { datasetUrl } from './lib/locations.ts';
import { credentialName, dnsName } from './lib/names.ts';
import { withRules } from './lib/rule.ts';
import { statusOf } from './lib/status.ts';

export const DATASET_FORMATS = ['txt', 'csv', 'json'] as const;

const spec = z.strictObject({
  url: datasetUrl().describe('Index file of the samples: absolute path on nodeName, file:///… or s3://bucket/key.'),
  format: withRules(z.string().max(64, 'must be txt, csv or json'), {
    cel: `self.lowerAscii() in ['txt', 'csv', 'json']`,
    message: 'must be txt, csv or json (in any case)',
    check: (format) => DATASET_FORMATS.some((known) => known === format.toLowerCase()),
  }).describe('txt, csv or json (JSON Lines or one array), in any case.'),
  nodeName: dnsName().describe('Node whose local controller watches the file.'),
  credentialName: credentialName(),
});

const status = statusOf({
  numberOfSamples: z.int().describe('Samples counted by the local controller.').optional(),
});

export const dataset = defineKind({
  kind: 'Dataset',
  shortNames: [],
  description:
    'A file of samples on a node or in a bucket, watched for new ones. Available when its samples are counted.',
  spec,
  status,
  printerColumns: [
    phase,
    { name: 'Samples', type: 'integer', jsonPath: '.status.numberOfSamples' },
    { name: 'Node', type: 'string', jsonPath: '.spec.nodeName' },
    ready,
    reason,
    since,
    message,
    cure,
    age,
  ],
});

export type DatasetSpec = z.infer<typeof spec>;
export type DatasetStatus = z.infer<typeof status>;
export type Dataset = Manifest<DatasetSpec, DatasetStatus>;
