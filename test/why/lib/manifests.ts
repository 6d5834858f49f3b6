/** Objects of the situations. Jobs share what they need, unless they ask for their own. */
import { join } from 'node:path';
import type { Manifest } from './situation.ts';
import type { World } from './world.ts';

const apiVersion = 'sedna.io/v1alpha1';

export function dataset(name: string, spec: Record<string, unknown>): Manifest {
  return {
    apiVersion,
    kind: 'Dataset',
    metadata: { name },
    spec: { format: 'txt', nodeName: 'edge-1', ...spec },
  };
}

export function model(name: string, url: string, format = 'onnx'): Manifest {
  return { apiVersion, kind: 'Model', metadata: { name }, spec: { url, format } };
}

/** A pod template with one container; `way` is what the worker does, see worker.js. */
export function worker(way = 'well', pod: Record<string, unknown> = {}, container: Record<string, unknown> = {}) {
  const env = [{ name: 'DO', value: way }];
  return { spec: { containers: [{ name: 'worker', image: 'why/worker:v1', env, ...container }], ...pod } };
}

export function container(change: Record<string, unknown>, pod: Record<string, unknown> = {}) {
  return worker('well', pod, change);
}

export interface JobChange {
  /** Lines of the index file. Default 0. */
  samples?: number;
  /** A Dataset of its own. */
  dataset?: Record<string, unknown>;
  /** A Model of its own to deploy to. */
  liveUrl?: string;
  /** Names of what it needs, where they are not the common ones. */
  needs?: { dataset?: string; initial?: string };
  trainProb?: number;
  timer?: Record<string, string>;
  train?: object;
  eval?: object;
  serve?: object;
  deploy?: Record<string, unknown>;
  deployTimer?: Record<string, string>;
  hotUpdate?: boolean;
  outputDir?: string;
}

/** Datasets and Models that jobs share: the files of the datasets have as many lines as their names say. */
export function common(world: World): Manifest[] {
  return [
    ...[0, 3, 6].map((count) => dataset(`samples-${count}`, { url: world.samples(`samples-${count}`, count) })),
    model('initial', join(world.folder('models'), 'initial.onnx')),
    model('live', join(world.folder('models'), 'live.onnx')),
    // Of a format that nobody but its worker judges.
    model('served', join(world.folder('models'), 'served.pb'), 'pb'),
  ];
}

/** A job, with the Dataset and Model of its own that it asks for. */
export function job(world: World, name: string, change: JobChange = {}): Manifest[] {
  const { samples = 0, needs = {}, dataset: own, liveUrl } = change;
  const url = own === undefined ? undefined : (own['url'] ?? world.samples(name, samples));
  const dataName = own === undefined ? `samples-${samples}` : `${name}-data`;
  return [
    ...(own === undefined ? [] : [dataset(dataName, { ...own, url })]),
    ...(liveUrl === undefined ? [] : [model(`${name}-live`, liveUrl)]),
    {
      apiVersion,
      kind: 'IncrementalLearningJob',
      metadata: { name },
      spec: {
        dataset: { name: needs.dataset ?? dataName, trainProb: change.trainProb ?? 0.8 },
        initialModel: { name: needs.initial ?? 'initial' },
        outputDir: change.outputDir ?? join(world.folder(name), 'output'),
        trainSpec: trainSpec(change),
        evalSpec: { template: change.eval ?? worker() },
        deploySpec: deploySpec(change, liveUrl === undefined ? 'live' : `${name}-live`),
      },
    },
  ];
}

function trainSpec({ timer, train }: JobChange) {
  const condition = { metric: 'num_of_samples', operator: '>=', threshold: 4 };
  return { trigger: { condition, ...(timer && { timer }) }, template: train ?? worker() };
}

/** The workers of these tests judge all models alike, so that nothing is deployed unless `deploy` says so. */
function deploySpec({ deploy, deployTimer, hotUpdate, serve }: JobChange, live: string) {
  const condition = { metric: 'accuracy_delta', operator: '>', threshold: 0, ...deploy };
  return {
    model: { name: live, ...(hotUpdate && { hotUpdateEnabled: true, pollPeriodSeconds: 1 }) },
    trigger: { condition, ...(deployTimer && { timer: deployTimer }) },
    hardExampleMining: { name: 'IBT' },
    template: serve ?? container({ image: 'why/idle:v1' }),
  };
}

export interface ServiceChange {
  /** Beyond or instead of what the workers have. */
  edge?: object;
  cloud?: object;
  spec?: object;
}

/** A service whose workers serve on edge-1, unless they are told otherwise. */
export function service(name: string, { edge, cloud, spec }: ServiceChange = {}): Manifest {
  return {
    apiVersion,
    kind: 'JointInferenceService',
    metadata: { name },
    spec: {
      edgeWorker: { model: { name: 'served' }, hardExampleMining: { name: 'IBT' }, template: watching(), ...edge },
      cloudWorker: { model: { name: 'served' }, template: replica(), ...cloud },
      ...spec,
    },
  };
}

export function replica(way = 'serve', node = 'edge-1', container: Record<string, unknown> = {}) {
  return worker(way, { nodeName: node }, { ports: [{ containerPort: 5000 }], ...container });
}

/** An edge worker that answers nobody, as those of the original do: there is no front before it. */
function watching() {
  return worker('well', { nodeName: 'edge-1' }, { image: 'why/idle:v1' });
}
