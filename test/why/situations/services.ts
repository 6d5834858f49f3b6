/** Services whose workers, models or nodes are not as they must be. */
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { encodeModel, mlp } from '../../../sdk/estimators/onnx/index.ts';
import { dataset, model, replica, service } from '../lib/manifests.ts';
import type { Situation } from '../lib/situation.ts';
import type { World } from '../lib/world.ts';

const kind = 'JointInferenceService';
/** The other worker serves by then, so that what is seen does not change any more. */
const waits = (reason: string, active: number) => ({ waitingFor: { reason }, active });

const gone = (world: World): string => join(world.folder('service-whose-cloud-worker-falls-silent'), 'gone');

export const services: Situation[] = [
  {
    name: 'service-without-its-big-model',
    kind,
    shows: ['ModelMissing'],
    manifests: () => [service('service-without-its-big-model', { cloud: { model: { name: 'nobody-applied-it' } } })],
    until: waits('ModelMissing', 1),
  },
  {
    name: 'service-in-a-cloud-that-nobody-registered',
    kind,
    shows: ['NodeUnknown'],
    manifests: () => [
      service('service-in-a-cloud-that-nobody-registered', { cloud: { template: replica('serve', 'cloud-9') } }),
    ],
    until: waits('NodeUnknown', 1),
  },
  {
    name: 'service-without-a-node-for-its-tier',
    kind,
    shows: ['NodeUnknown'],
    manifests() {
      const { nodeName: _, ...pod } = replica().spec as { nodeName?: string };
      const tier = {
        name: 'site',
        model: { name: 'served' },
        hardExampleMining: { name: 'IBT' },
        template: { spec: pod },
      };
      return [service('service-without-a-node-for-its-tier', { spec: { tiers: [tier] } })];
    },
    until: waits('NodeUnknown', 2),
  },
  {
    name: 'service-without-its-link-to-the-cloud',
    kind,
    shows: ['NodeSilent'],
    manifests: () => [
      service('service-without-its-link-to-the-cloud', { cloud: { template: replica('serve', 'cut-1') } }),
    ],
    async then(world) {
      await world.known(kind, 'service-without-its-link-to-the-cloud', { phase: 'Running' });
      await world.stop('why-cut-1');
    },
    until: waits('NodeSilent', 2),
  },
  {
    name: 'service-whose-cloud-worker-crashes',
    kind,
    shows: ['CrashLoopBackOff'],
    manifests: () => [service('service-whose-cloud-worker-crashes', { cloud: { template: replica('exit1') } })],
    until: { ...waits('CrashLoopBackOff', 1), failed: 1 },
  },
  {
    name: 'service-whose-cloud-worker-falls-silent',
    kind,
    shows: ['WorkerNotReady'],
    manifests: (world) => [
      service('service-whose-cloud-worker-falls-silent', {
        cloud: {
          template: replica(`fade:${gone(world)}`, 'edge-1', {
            readinessProbe: { httpGet: { path: '/here', port: 5000 } },
          }),
        },
      }),
    ],
    async then(world) {
      await world.known(kind, 'service-whose-cloud-worker-falls-silent', { phase: 'Running' });
      writeFileSync(gone(world), '');
    },
    until: waits('WorkerNotReady', 1),
  },
  {
    name: 'service-of-an-image-not-allowed',
    kind,
    shows: ['ImageNotAllowed'],
    manifests: () => [
      service('service-of-an-image-not-allowed', {
        edge: { template: replica('serve', 'edge-1', { image: 'registry.example/little:v2' }) },
      }),
    ],
    until: waits('ImageNotAllowed', 1),
  },
  {
    name: 'service-with-a-model-that-does-not-fit',
    kind,
    shows: ['ModelMisfit'],
    manifests(world) {
      const url = join(world.folder('service-with-a-model-that-does-not-fit'), 'big.onnx');
      writeFileSync(url, 'no model at all');
      return [
        model('no-model-at-all', url),
        service('service-with-a-model-that-does-not-fit', { cloud: { model: { name: 'no-model-at-all' } } }),
      ];
    },
    until: waits('ModelMisfit', 1),
  },
  {
    name: 'service-whose-models-take-different-inputs',
    kind,
    shows: ['ModelMisfit'],
    manifests(world) {
      const folder = world.folder('service-whose-models-take-different-inputs');
      const of = (role: string, inputs: number) => {
        const url = join(folder, `${role}.onnx`);
        writeFileSync(url, encodeModel(mlp({ inputs, outputs: 2 })));
        return model(`takes-${inputs}`, url);
      };
      const worker = (inputs: number, image: string) => ({
        model: { name: `takes-${inputs}` },
        template: { spec: { nodeName: 'edge-1', containers: [{ name: 'worker', image }] } },
      });
      return [
        of('little', 4),
        of('big', 3),
        service('service-whose-models-take-different-inputs', {
          edge: worker(4, 'sedna/joint-inference:v1'),
          cloud: worker(3, 'sedna/big-model:v1'),
        }),
      ];
    },
    until: waits('ModelMisfit', 1),
  },
  {
    name: 'service-scaled-by-memory',
    kind,
    shows: ['InvalidSpec'],
    manifests() {
      const resource = { name: 'memory', target: { type: 'Utilization', averageUtilization: 80 } };
      const hpa = { maxReplicas: 3, metrics: [{ type: 'Resource', resource }] };
      return [service('service-scaled-by-memory', { edge: { hpa } })];
    },
    until: waits('InvalidSpec', 2),
  },
  {
    name: 'service-keeping-hard-examples-elsewhere',
    kind,
    shows: ['DatasetElsewhere'],
    manifests: (world) => [
      dataset('hard-examples-of-blind', {
        url: world.samples('hard-examples-of-blind', 1),
        nodeName: 'blind-1',
        format: 'json',
      }),
      service('service-keeping-hard-examples-elsewhere', {
        spec: { hardExamples: { dataset: { name: 'hard-examples-of-blind' } } },
      }),
    ],
    until: { ...waits('DatasetElsewhere', 2), phase: 'Running' },
  },
];
