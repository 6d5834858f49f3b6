/** Jobs for which no round can begin yet. */
import { join } from 'node:path';
import { job, worker } from '../lib/manifests.ts';
import type { Situation } from '../lib/situation.ts';
import { closedWindow } from '../lib/window.ts';

const waits = (reason: string) => ({ waitingFor: { reason } });

export const waiting: Situation[] = [
  {
    name: 'job-without-dataset',
    shows: ['DatasetMissing'],
    manifests: (world) => job(world, 'job-without-dataset', { needs: { dataset: 'sample-0' } }),
    until: { phase: 'Pending', ...waits('DatasetMissing') },
  },
  {
    name: 'job-without-models',
    shows: ['ModelMissing'],
    manifests: (world) => job(world, 'job-without-models', { needs: { initial: 'intial' } }),
    until: { phase: 'Pending', ...waits('ModelMissing') },
  },
  {
    name: 'job-on-a-node-that-nobody-registered',
    shows: ['NodeUnknown'],
    manifests: (world) =>
      job(world, 'job-on-a-node-that-nobody-registered', { serve: worker('well', { nodeName: 'nowhere-1' }) }),
    until: waits('NodeUnknown'),
  },
  {
    name: 'job-whose-selector-no-node-has',
    shows: ['NodeUnknown'],
    manifests: (world) =>
      job(world, 'job-whose-selector-no-node-has', { serve: worker('well', { nodeSelector: { gpu: 'yes' } }) }),
    until: { phase: 'Pending', ...waits('NodeUnknown') },
  },
  {
    name: 'job-of-a-silent-node',
    shows: ['NodeSilent'],
    manifests: (world) => job(world, 'job-of-a-silent-node', { dataset: { nodeName: 'lost-1' } }),
    until: waits('NodeSilent'),
  },
  {
    name: 'job-serving-on-a-node-without-blob-store',
    shows: ['BlobStoreUnreachable'],
    manifests: (world) =>
      job(world, 'job-serving-on-a-node-without-blob-store', { serve: worker('well', { nodeName: 'blind-1' }) }),
    until: waits('BlobStoreUnreachable'),
  },
  {
    name: 'job-training-away-from-its-dataset',
    shows: ['DatasetElsewhere'],
    manifests: (world) =>
      job(world, 'job-training-away-from-its-dataset', { train: worker('well', { nodeName: 'lost-1' }) }),
    until: { phase: 'Pending', ...waits('DatasetElsewhere') },
  },
  {
    name: 'job-whose-dataset-has-no-file',
    shows: ['DatasetUnreadable'],
    manifests: (world) =>
      job(world, 'job-whose-dataset-has-no-file', { dataset: { url: join(world.folder('job-no-file'), 'index.txt') } }),
    until: waits('DatasetUnreadable'),
  },
  {
    name: 'job-without-samples',
    shows: ['NoNewSamples'],
    manifests: (world) => job(world, 'job-without-samples'),
    until: { phase: 'Waiting', newSamples: 0, ...waits('NoNewSamples') },
  },
  {
    name: 'job-with-too-few-samples',
    shows: ['ThresholdNotReached'],
    manifests: (world) => job(world, 'job-with-too-few-samples', { samples: 3 }),
    until: { newSamples: 3, ...waits('ThresholdNotReached') },
  },
  {
    name: 'job-outside-its-train-window',
    shows: ['WindowClosed'],
    manifests: (world) => job(world, 'job-outside-its-train-window', { samples: 6, timer: closedWindow() }),
    until: waits('WindowClosed'),
  },
  {
    name: 'job-that-is-paused',
    shows: ['Paused'],
    manifests: (world) => job(world, 'job-that-is-paused'),
    then: (world) => world.say('il', 'job-that-is-paused', 'pause'),
    until: { phase: 'Paused', ...waits('Paused') },
  },
  {
    name: 'job-that-is-stopped',
    shows: ['Stopped'],
    manifests: (world) => job(world, 'job-that-is-stopped'),
    then: (world) => world.say('il', 'job-that-is-stopped', 'stop'),
    until: { phase: 'Stopped', ...waits('Stopped') },
  },
  {
    name: 'job-triggered-without-samples',
    shows: ['Refused', 'NoNewSamples'],
    manifests: (world) => job(world, 'job-triggered-without-samples'),
    then: (world) => world.say('il', 'job-triggered-without-samples', 'trigger'),
    until: { refused: { verb: 'trigger' } },
  },
  {
    name: 'job-retried-without-failure',
    shows: ['Refused', 'NoNewSamples'],
    manifests: (world) => job(world, 'job-retried-without-failure'),
    then: (world) => world.say('il', 'job-retried-without-failure', 'retry'),
    until: { refused: { verb: 'retry' } },
  },
  {
    name: 'job-with-an-unknown-time-zone',
    shows: ['InvalidSpec'],
    manifests: (world) =>
      job(world, 'job-with-an-unknown-time-zone', { timer: { ...closedWindow(), timeZone: 'Europe/Atlantis' } }),
    until: { phase: 'Failed', ...waits('InvalidSpec') },
  },
  {
    name: 'job-edited-to-an-unknown-time-zone',
    shows: ['InvalidSpec', 'NoNewSamples'],
    manifests: (world) => job(world, 'job-edited-to-an-unknown-time-zone'),
    async then(world) {
      await world.known('il', 'job-edited-to-an-unknown-time-zone', { phase: 'Waiting', newSamples: 0 });
      const timer = { ...closedWindow(), timeZone: 'Europe/Atlantis' };
      await world.apply(job(world, 'job-edited-to-an-unknown-time-zone', { timer }));
    },
    until: { phase: 'Waiting', observedGeneration: 2, ...waits('NoNewSamples') },
  },
  {
    name: 'job-whose-dataset-is-replaced',
    shows: ['ThresholdNotReached'],
    manifests: (world) => job(world, 'job-whose-dataset-is-replaced', { samples: 6, dataset: {} }),
    async then(world) {
      await world.known('il', 'job-whose-dataset-is-replaced', { usedSamples: 6, lastRound: { round: 1 } });
      world.samples('job-whose-dataset-is-replaced', 3, 'another');
    },
    until: { usedSamples: 0, newSamples: 3, ...waits('ThresholdNotReached') },
  },
];
