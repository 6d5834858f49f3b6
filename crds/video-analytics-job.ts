import { z } from 'zod';
import { serviceColumns } from './lib/columns.ts';
import { defineKind } from './lib/kind.ts';
import type { Manifest } from './lib/kind.ts';
import { jobFields } from './lib/kubernetes.ts';
import { reference } from './lib/names.ts';
import { counter, statusOf } from './lib/status.ts';

const spec = z.strictObject({
  ...jobFields,
  kafkaSupport: z.boolean().describe('Exchange frames over the message bus. Default: false.').optional(),
  model: reference('Model that detects objects'),
});

const status = statusOf({ active: counter(), succeeded: counter(), failed: counter() });

export const videoAnalyticsJob = defineKind({
  kind: 'VideoAnalyticsJob',
  shortNames: ['va'],
  description: 'Detects and tracks objects in a video. Available while its worker serves.',
  spec,
  status,
  printerColumns: serviceColumns,
});

export type VideoAnalyticsJobSpec = z.infer<typeof spec>;
export type VideoAnalyticsJobStatus = z.infer<typeof status>;
export type VideoAnalyticsJob = Manifest<VideoAnalyticsJobSpec, VideoAnalyticsJobStatus>;
