/** Datasets that cannot be counted, and what is no job. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dataset } from '../lib/manifests.ts';
import type { Situation } from '../lib/situation.ts';

const kind = 'Dataset';

export const datasets: Situation[] = [
  {
    name: 'dataset-of-a-node-that-nobody-registered',
    kind,
    shows: ['NodeUnknown'],
    manifests: (world) => [
      dataset('dataset-of-a-node-that-nobody-registered', { url: world.samples('nobody', 3), nodeName: 'nowhere-1' }),
    ],
    until: { phase: 'Pending', waitingFor: { reason: 'NodeUnknown' } },
  },
  {
    name: 'dataset-of-a-silent-node',
    kind,
    shows: ['NodeSilent'],
    manifests: (world) => [
      dataset('dataset-of-a-silent-node', { url: world.samples('silent', 3), nodeName: 'lost-1' }),
    ],
    until: { waitingFor: { reason: 'NodeSilent' } },
  },
  {
    name: 'dataset-without-file',
    kind,
    shows: ['DatasetUnreadable'],
    manifests: (world) => [dataset('dataset-without-file', { url: join(world.folder('no-file'), 'index.txt') })],
    until: { waitingFor: { reason: 'DatasetUnreadable' } },
  },
  {
    name: 'dataset-that-is-a-directory',
    kind,
    shows: ['DatasetUnreadable'],
    manifests: (world) => [dataset('dataset-that-is-a-directory', { url: world.folder('directory') })],
    until: { waitingFor: { reason: 'DatasetUnreadable' } },
  },
  {
    name: 'dataset-that-is-no-json',
    kind,
    shows: ['DatasetUnreadable'],
    manifests(world) {
      const file = join(world.folder('broken'), 'index.json');
      writeFileSync(file, '[{"a": 1}, {"a": 2');
      return [dataset('dataset-that-is-no-json', { url: file, format: 'json' })];
    },
    until: { waitingFor: { reason: 'DatasetUnreadable' } },
  },
  {
    name: 'dataset-in-a-bucket',
    kind,
    shows: ['InvalidSpec'],
    manifests: () => [dataset('dataset-in-a-bucket', { url: 's3://factory/index.txt' })],
    until: { waitingFor: { reason: 'InvalidSpec' } },
  },
  {
    name: 'dataset-of-a-node-without-blob-store',
    kind,
    shows: ['BlobStoreUnreachable'],
    manifests: (world) => [
      dataset('dataset-of-a-node-without-blob-store', { url: world.samples('blind', 3), nodeName: 'blind-1' }),
    ],
    until: { waitingFor: { reason: 'BlobStoreUnreachable' } },
  },
  {
    name: 'dataset-that-somebody-triggers',
    kind,
    shows: ['Refused'],
    manifests: (world) => [dataset('dataset-that-somebody-triggers', { url: world.samples('triggered', 3) })],
    then: (world) => world.say('Dataset', 'dataset-that-somebody-triggers', 'trigger'),
    until: { phase: 'Ready', refused: { verb: 'trigger' } },
  },
  {
    name: 'kind-without-workflow',
    kind: 'ReidJob',
    shows: ['NotSupportedYet'],
    manifests: () => [
      {
        apiVersion: 'sedna.io/v1alpha1',
        kind: 'ReidJob',
        metadata: { name: 'kind-without-workflow' },
        spec: { template: { spec: { containers: [{ name: 'reid', image: 'why/idle:v1' }] } } },
      },
    ],
    until: { waitingFor: { reason: 'NotSupportedYet' } },
  },
];
