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

export const federated: Situation[] = [
  {
    name: 'client-on-a-full-disk',
    kind,
    shows: ['DiskFull'],
    manifests: (world) => job(world, 'client-on-a-full-disk', 'full-1'),
    until: { waitingFor: { reason: 'DiskFull' } },
    impossible: (world) => (world.fullDisk === undefined ? 'this user may not mount a full file system' : undefined),
  },
];
