/** Rounds that end badly, end undeployed, or cannot go on. */
import { job, worker } from '../lib/manifests.ts';
import type { Situation } from '../lib/situation.ts';
import { closedWindow } from '../lib/window.ts';

const many = { samples: 6 };

export const rounds: Situation[] = [
  {
    name: 'training-on-a-node-that-was-lost',
    shows: ['NodeSilent'],
    manifests: (world) =>
      job(world, 'training-on-a-node-that-was-lost', {
        ...many,
        dataset: { nodeName: 'lost-1' },
        train: worker('sleep'),
      }),
    /** Its node is lost once everything that is to be on it is there. */
    async then(world) {
      await Promise.all([
        world.known('Dataset', 'dataset-of-a-silent-node', { phase: 'Ready' }),
        world.known('il', 'job-of-a-silent-node', { newSamples: 0, inference: { state: 'ready' } }),
        world.known('il', 'training-on-a-node-that-was-lost', { last: 'Train/Running', inference: { state: 'ready' } }),
      ]);
      await world.stop('why-lost-1');
    },
    until: { phase: 'Training', waitingFor: { reason: 'NodeSilent' } },
  },
  {
    name: 'training-while-paused',
    shows: ['Paused'],
    manifests: (world) => job(world, 'training-while-paused', { ...many, train: worker('sleep') }),
    async then(world) {
      await world.known('il', 'training-while-paused', { last: 'Train/Running' });
      await world.say('il', 'training-while-paused', 'pause');
    },
    until: { phase: 'Training', waitingFor: { reason: 'Paused' } },
  },
  {
    name: 'round-ended-from-outside',
    shows: ['RoundEnded'],
    manifests: (world) => job(world, 'round-ended-from-outside', { ...many, train: worker('sleep') }),
    async then(world) {
      const { uid } = await world.known('il', 'round-ended-from-outside', { last: 'Train/Running' });
      await world.terminate(`sedna/incrementallearningjob/default/round-ended-from-outside/round/${uid.slice(0, 8)}-1`);
    },
    until: { phase: 'Failed', waitingFor: { reason: 'RoundEnded' } },
  },
  {
    name: 'nothing-left-to-evaluate-with',
    shows: ['NoEvalSamples'],
    manifests: (world) => job(world, 'nothing-left-to-evaluate-with', { ...many, trainProb: 1 }),
    until: { phase: 'Failed', waitingFor: { reason: 'NoEvalSamples' } },
  },
  {
    name: 'no-metric-of-that-name',
    shows: ['MetricMissing'],
    manifests: (world) => job(world, 'no-metric-of-that-name', { ...many, deploy: { metric: 'f1_delta' } }),
    until: { phase: 'Waiting', lastRound: { deployed: false, reason: 'MetricMissing' }, newSamples: 0 },
  },
  {
    name: 'new-model-not-better',
    shows: ['ThresholdNotReached'],
    manifests: (world) => job(world, 'new-model-not-better', { ...many, deploy: { threshold: 0.1 } }),
    until: { phase: 'Waiting', lastRound: { deployed: false, reason: 'ThresholdNotReached' }, newSamples: 0 },
  },
  {
    name: 'deploy-window-closed',
    shows: ['WindowClosed'],
    manifests: (world) =>
      job(world, 'deploy-window-closed', { ...many, deploy: { operator: '>=' }, deployTimer: closedWindow() }),
    until: { phase: 'Waiting', lastRound: { deployed: false, reason: 'WindowClosed' }, newSamples: 0 },
  },
  {
    name: 'output-in-a-bucket',
    shows: ['InvalidSpec'],
    manifests: (world) => job(world, 'output-in-a-bucket', { ...many, outputDir: 's3://factory/output' }),
    until: { phase: 'Failed', waitingFor: { reason: 'InvalidSpec' } },
  },
  {
    name: 'disk-full',
    shows: ['DiskFull'],
    manifests: (world) => job(world, 'disk-full', { ...many, outputDir: `${world.fullDisk}/output` }),
    until: { waitingFor: { reason: 'DiskFull' } },
    impossible: (world) => (world.fullDisk === undefined ? 'this user may not mount a full file system' : undefined),
  },
];
