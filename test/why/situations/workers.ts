/** Workers that cannot be started, fail, or do not say what they must. */
import { container, job, worker } from '../lib/manifests.ts';
import type { Manifest, Situation } from '../lib/situation.ts';
import type { World } from '../lib/world.ts';

const failed = (reason: string) => ({ phase: 'Failed', waitingFor: { reason } });
const many = { samples: 6 };

function neverReady(world: World, name: string): Manifest[] {
  const ports = [{ name: 'http', containerPort: 8080 }];
  const readinessProbe = { httpGet: { path: '/ready', port: 'http' } };
  return job(world, name, { serve: container({ image: 'why/idle:v1', ports, readinessProbe }) });
}

export const workers: Situation[] = [
  {
    name: 'serving-image-not-allowed',
    shows: ['ImageNotAllowed'],
    manifests: (world) =>
      job(world, 'serving-image-not-allowed', { serve: container({ image: 'registry.example/serve:v2' }) }),
    until: { waitingFor: { reason: 'ImageNotAllowed' } },
  },
  {
    name: 'training-image-not-allowed',
    shows: ['ImageNotAllowed'],
    manifests: (world) =>
      job(world, 'training-image-not-allowed', { ...many, train: container({ image: 'registry.example/train:v2' }) }),
    until: failed('ImageNotAllowed'),
  },
  {
    name: 'template-with-two-containers',
    shows: ['InvalidTemplate'],
    manifests: (world) => {
      const containers = [
        { name: 'a', image: 'why/idle:v1' },
        { name: 'b', image: 'why/idle:v1' },
      ];
      return job(world, 'template-with-two-containers', { serve: { spec: { containers } } });
    },
    until: { waitingFor: { reason: 'InvalidTemplate' } },
  },
  {
    name: 'template-with-a-command',
    shows: ['InvalidTemplate'],
    manifests: (world) =>
      job(world, 'template-with-a-command', { ...many, train: container({ command: ['/bin/bash', '-c', 'id'] }) }),
    until: failed('InvalidTemplate'),
  },
  {
    name: 'template-with-a-secret-in-env',
    shows: ['InvalidTemplate'],
    manifests: (world) => {
      const valueFrom = { secretKeyRef: { name: 'bucket', key: 'token' } };
      const serve = container({ image: 'why/idle:v1', env: [{ name: 'TOKEN', valueFrom }] });
      return job(world, 'template-with-a-secret-in-env', { serve });
    },
    until: { waitingFor: { reason: 'InvalidTemplate' } },
  },
  {
    name: 'training-exits-1',
    shows: ['WorkerFailed'],
    manifests: (world) => job(world, 'training-exits-1', { ...many, train: worker('exit1') }),
    until: failed('WorkerFailed'),
  },
  {
    name: 'training-exited-1-and-is-tried-again',
    shows: ['WorkerFailed'],
    manifests: (world) => job(world, 'training-exited-1-and-is-tried-again', { ...many, train: worker('exit1') }),
    until: { phase: 'Training', waitingFor: { reason: 'WorkerFailed', message: /attempt 2 of 3/ } },
    fleeting: true,
  },
  {
    name: 'training-says-nothing',
    shows: ['NoReport'],
    manifests: (world) => job(world, 'training-says-nothing', { ...many, train: worker('silent') }),
    until: failed('NoReport'),
  },
  {
    name: 'training-has-too-little-memory',
    shows: ['NotEnoughMemory'],
    manifests: (world) => job(world, 'training-has-too-little-memory', { ...many, train: worker('too-little-memory') }),
    until: failed('WorkerFailed'),
  },
  {
    name: 'training-reports-a-model-that-is-not-there',
    shows: ['ModelUnreadable'],
    manifests: (world) =>
      job(world, 'training-reports-a-model-that-is-not-there', { ...many, train: worker('model-not-there') }),
    until: failed('ModelUnreadable'),
  },
  {
    name: 'training-reports-another-format',
    shows: ['ModelFormatMismatch'],
    manifests: (world) => job(world, 'training-reports-another-format', { ...many, train: worker('another-format') }),
    until: failed('ModelFormatMismatch'),
  },
  {
    name: 'evaluation-judges-one-of-two',
    shows: ['NoReport'],
    manifests: (world) => job(world, 'evaluation-judges-one-of-two', { ...many, eval: worker('one-of-two') }),
    until: failed('NoReport'),
  },
  {
    name: 'serving-crashes',
    shows: ['WorkerFailed'],
    manifests: (world) => job(world, 'serving-crashes', { serve: worker('exit1') }),
    until: { waitingFor: { reason: 'WorkerFailed' }, inference: { restarts: /[2-9]/ } },
  },
  {
    name: 'serving-is-not-ready-yet',
    shows: ['InferenceStarting'],
    manifests: (world) => neverReady(world, 'serving-is-not-ready-yet'),
    until: { newSamples: 0, inference: { state: 'running' } },
    fleeting: true,
  },
  {
    name: 'serving-is-never-ready',
    shows: ['WorkerNotReady'],
    manifests: (world) => neverReady(world, 'serving-is-never-ready'),
    until: { waitingFor: { reason: 'WorkerNotReady' } },
  },
  {
    name: 'serving-refuses-the-hot-update',
    shows: ['HotUpdateFailed'],
    manifests: (world) =>
      job(world, 'serving-refuses-the-hot-update', {
        ...many,
        hotUpdate: true,
        deploy: { operator: '>=' },
        serve: worker('refuse-updates'),
      }),
    until: failed('HotUpdateFailed'),
  },
  {
    name: 'serving-a-model-behind-http',
    shows: ['ModelUnreadable'],
    manifests: (world) => job(world, 'serving-a-model-behind-http', { liveUrl: 'http://models.example/live.onnx' }),
    until: { waitingFor: { reason: 'ModelUnreadable' } },
  },
];
