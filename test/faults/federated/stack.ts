/** A stack of its own in which eight clients on three edges learn one model of points. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { packageRoot } from '../../../deploy/local/files.ts';
import { LocalStack } from '../../support/local-stack.ts';
import { clients, prepare } from './trainer/points.ts';

export const edges = ['edge-1', 'edge-2', 'edge-3'] as const;
export type Edge = (typeof edges)[number];
export const aggregator = 'cloud-1';

/** The last edge has two of the eight. */
export function edgeOf(client: number): Edge {
  return client < 3 ? 'edge-1' : client < 6 ? 'edge-2' : 'edge-3';
}

export const rounds = 10;
/** Of every round: some tenths of a second. */
export const training = { epochs: 60, batchSize: 16, learningRate: 0.05 };
export const job = 'points';
export const model = 'points-global';

/** Parts of the job's spec that scenarios set. */
export type Spec = Record<string, unknown>;

export function aggregationWorker(image: string): Spec {
  const env = [{ name: 'exit_round', value: String(rounds) }];
  return { model: { name: model }, template: template(aggregator, image, env) };
}

function template(node: string, image: string, env: { name: string; value: string }[]): Spec {
  return { spec: { nodeName: node, containers: [{ name: 'worker', image, env }] } };
}

export class PointsStack extends LocalStack {
  readonly data: string;
  readonly trained: string;

  constructor(name: string) {
    super(name);
    this.data = join(this.cwd, 'points');
    this.trained = join(this.cwd, 'trained');
  }

  override async up(...flags: string[]): Promise<void> {
    await prepare(this.data);
    mkdirSync(this.trained);
    await super.up('--images', join(packageRoot(), 'test/faults/federated/trainer/images.yaml'), ...flags);
  }

  manifest(spec: Spec = {}): string {
    const file = join(this.cwd, 'job.yaml');
    const datasets = Array.from({ length: clients }, (_, client) => ({
      apiVersion: 'sedna.io/v1alpha1',
      kind: 'Dataset',
      metadata: { name: `points-${client}` },
      spec: { url: join(this.data, `${client}.csv`), format: 'csv', nodeName: edgeOf(client) },
    }));
    const global = {
      apiVersion: 'sedna.io/v1alpha1',
      kind: 'Model',
      metadata: { name: model },
      spec: { url: join(this.data, 'global.onnx'), format: 'onnx' },
    };
    writeFileSync(file, [...datasets, global, this.#job(spec)].map((object) => stringify(object)).join('---\n'));
    return file;
  }

  #job(spec: Spec): Record<string, unknown> {
    const env = [{ name: 'TRAINED', value: this.trained }];
    return {
      apiVersion: 'sedna.io/v1alpha1',
      kind: 'FederatedLearningJob',
      metadata: { name: job },
      spec: {
        aggregationWorker: aggregationWorker('sedna/faults-aggregate:v1'),
        trainingWorkers: Array.from({ length: clients }, (_, client) => ({
          dataset: { name: `points-${client}` },
          template: template(edgeOf(client), 'sedna/faults-train:v1', env),
        })),
        rounds: { total: rounds },
        trainingConfig: training,
        ...spec,
      },
    };
  }
}
