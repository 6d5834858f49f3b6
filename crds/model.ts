import { z } from 'zod';
import { defineKind } from './lib/kind.ts';
import type { Manifest } from './lib/kind.ts';
import { age, cure, message, phase, ready, reason, since } from './lib/columns.ts';
import { modelUrl } from './lib/locations.ts';
import { credentialName } from './lib/names.ts';
import { signature } from './lib/signature.ts';
import { metrics, statusOf, versions } from './lib/status.ts';

const spec = z.strictObject({
  url: modelUrl().describe('File or directory of the model: absolute path, file:///…, s3:// or http(s)://.'),
  // It becomes the extension of files on nodes.
  format: z
    .string()
    .max(64)
    .regex(/^[A-Za-z0-9._-]*$/, "must have letters, digits, '.', '_' and '-' only, such as onnx or pb")
    .describe('Free text such as onnx, pb or ckpt; matched with what workers report.'),
  device_soc_versions: z
    .array(z.string())
    .describe('Devices the model is built for; chooses among several results of one training.')
    .optional(),
  credentialName: credentialName(),
  signature: signature().optional(),
});

const status = statusOf({
  metrics: metrics(),
  versions: versions().describe('Versions produced by jobs, newest last.'),
  live: z.string().describe('First 12 characters of the SHA-256 of the live version.').optional(),
});

export const model = defineKind({
  kind: 'Model',
  shortNames: [],
  description:
    'A model and its versions. Available once its manifest is valid: the node that uses its file judges the file.',
  spec,
  status,
  printerColumns: [
    phase,
    { name: 'Format', type: 'string', jsonPath: '.spec.format' },
    { name: 'Live', type: 'string', jsonPath: '.status.live' },
    ready,
    reason,
    since,
    message,
    cure,
    age,
  ],
});

export type ModelSpec = z.infer<typeof spec>;
export type ModelStatus = z.infer<typeof status>;
export type Model = Manifest<ModelSpec, ModelStatus>;
