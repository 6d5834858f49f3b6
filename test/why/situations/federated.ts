/** Federated jobs whose clients cannot do what they are asked for. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeModel, mlp } from '../../../sdk/estimators/onnx/index.ts';
import { dataset, model, worker } from '../lib/manifests.ts';
import type { Manifest, Situation } from '../lib/situation.ts';
import type { World } from '../lib/world.ts';

const kind = 'FederatedLearningJob';

/** One client, on that node. */
function job(world: World, name: string, node: string): Manifest[] {
  const url = join(world.folder(name), 'global.onnx');
  writeFileSync(url, encodeModel(mlp({ inputs: 2, outputs: 2 })));
  return [
    dataset(`${name}-data`, { url: world.samples(name, 1), nodeName: node }),
    model(`${name}-global`, url),
    {
      apiVersion: 'sedna.io/v1alpha1',
      kind,
      metadata: { name },
      spec: {
        aggregationWorker: { model: { name: `${name}-global` }, template: worker('well', { nodeName: 'edge-1' }) },
        trainingWorkers: [{ dataset: { name: `${name}-data` }, template: worker('well', { nodeName: node }) }],
      },
    },
  ];
}

/** One client that answers, and an aggregator that says in its round what is no model. */
function aggregated(world: World, name: string, answer: string): Manifest[] {
  const container = (image: string, variable: string, value: string) => ({
    spec: { nodeName: 'edge-1', containers: [{ name: 'worker', image, env: [{ name: variable, value }] }] },
  });
  const aggregator = container('why/aggregator:v1', 'BREAK', JSON.stringify({ 1: answer }));
  return [
    dataset(`${name}-data`, { url: world.samples(name, 1) }),
    model(`${name}-global`, join(world.folder(name), 'global'), 'h5'),
    {
      apiVersion: 'sedna.io/v1alpha1',
      kind,
      metadata: { name },
      spec: {
        aggregation: { strategy: 'Worker' },
        aggregationWorker: { model: { name: `${name}-global` }, template: aggregator },
        trainingWorkers: [
          { dataset: { name: `${name}-data` }, template: container('why/trainer:v1', 'SHAPES', '[[2],[1]]') },
        ],
      },
    },
  ];
}

export const federated: Situation[] = [
  {
    name: 'aggregator-that-ends',
    kind,
    shows: ['AggregatorFailed'],
    manifests: (world) => aggregated(world, 'aggregator-that-ends', 'die'),
    until: { waitingFor: { reason: 'AggregatorFailed' } },
  },
  {
    name: 'aggregator-without-a-model',
    kind,
    shows: ['AggregateInvalid'],
    manifests: (world) => aggregated(world, 'aggregator-without-a-model', '[[NaN, 1], [1]]'),
    until: { waitingFor: { reason: 'AggregateInvalid' } },
  },
  {
    name: 'client-on-a-full-disk',
    kind,
    shows: ['DiskFull'],
    manifests: (world) => job(world, 'client-on-a-full-disk', 'full-1'),
    until: { waitingFor: { reason: 'DiskFull' } },
    impossible: (world) => (world.fullDisk === undefined ? 'this user may not mount a full file system' : undefined),
  },
];
