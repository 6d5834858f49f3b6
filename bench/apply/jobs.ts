/** Incremental jobs on small datasets of their own: one round, no deployment, then they wait. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { entityId, roundId } from '../../workflows/lib/ids.ts';
import { eventsOf, startOf, timeOf } from '../lib/history.ts';
import { refOf, type BenchStack, type Manifest } from '../lib/stack.ts';
import { now } from '../lib/statistics.ts';

const samples = 10;
const boundMs = 8 * 60_000;

export interface Started {
  /** Milliseconds from the apply to the train activity's schedule, and to its start on the node. */
  scheduled: number;
  started: number;
  /** By the clock of `now`. */
  at: number;
}

export class BenchJobs {
  readonly names: string[];
  readonly #stack: BenchStack;
  readonly #nodes: string[];

  constructor(stack: BenchStack, nodes: string[], { count, prefix }: { count: number; prefix: string }) {
    this.#stack = stack;
    this.#nodes = nodes;
    this.names = Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
  }

  /** Datasets that have been counted and models: what the jobs need. */
  async prepare(): Promise<void> {
    const { folder } = this.#stack;
    mkdirSync(join(folder, 'data'), { recursive: true });
    writeFileSync(join(folder, 'initial.onnx'), 'first model');
    await this.#stack.create(model('initial', join(folder, 'initial.onnx')));
    for (const [i, name] of this.names.entries()) {
      const url = join(folder, 'data', `${name}.txt`);
      writeFileSync(url, Array.from({ length: samples }, (_, line) => `${name}-${line}.png 1\n`).join(''));
      const spec = { url, format: 'txt', nodeName: this.#nodeOf(i) };
      await this.#stack.create({ kind: 'Dataset', metadata: { name: `${name}-data` }, spec });
      await this.#stack.create(model(`${name}-deployed`, join(folder, `${name}.onnx`)));
    }
    const isCounted = ({ status }: { status?: object }): boolean =>
      (status as { numberOfSamples?: number } | undefined)?.numberOfSamples === samples;
    await this.#stack.listed('Dataset', (datasets) => datasets.every(isCounted), boundMs);
  }

  /** Applies all at once; resolves, when each has ended its round, to when it was applied. */
  async apply(): Promise<number[]> {
    const one = async (name: string, i: number): Promise<number> => {
      const before = now();
      await this.#stack.create(this.#manifest(name, i));
      return before;
    };
    return Promise.all(this.names.map(one));
  }

  async started(applied: number[]): Promise<Started[]> {
    const found: Started[] = [];
    const uids = await this.#stack.listed('IncrementalLearningJob', (jobs) => jobs.every(waits), boundMs);
    for (const [i, name] of this.names.entries()) {
      const ref = refOf('IncrementalLearningJob', name);
      const events = await eventsOf(this.#stack.client, roundId(entityId(ref), uids.get(name) ?? '', 1));
      const isTrain = (event: (typeof events)[number]): boolean =>
        event.activityTaskScheduledEventAttributes?.activityType?.name === 'runWorker';
      const at = startOf(events, 'runWorker');
      if (at === undefined) throw new Error(`${name} did not train`);
      const before = applied[i] ?? 0;
      found.push({ scheduled: timeOf(events.find(isTrain)?.eventTime) - before, started: at - before, at });
    }
    return found;
  }

  #nodeOf(i: number): string {
    return this.#nodes[i % this.#nodes.length] ?? '';
  }

  #manifest(name: string, i: number): Manifest {
    const worker = (image: string): object => {
      return { spec: { nodeName: this.#nodeOf(i), containers: [{ name: 'worker', image }] } };
    };
    const template = worker('bench/stage:v1');
    const trigger = (metric: string, threshold: number): object => ({
      condition: { metric, operator: '>=', threshold },
    });
    const spec = {
      dataset: { name: `${name}-data`, trainProb: 0.8 },
      initialModel: { name: 'initial' },
      outputDir: join(this.#stack.folder, 'output', name),
      trainSpec: { trigger: trigger('num_of_samples', 1), template },
      evalSpec: { template },
      // Never met: the first model goes on serving.
      deploySpec: {
        model: { name: `${name}-deployed`, hotUpdateEnabled: false },
        trigger: trigger('accuracy_delta', 2),
        hardExampleMining: { name: 'IBT' },
        template: worker('bench/serve:v1'),
      },
    };
    return { kind: 'IncrementalLearningJob', metadata: { name }, spec };
  }
}

function model(name: string, url: string): Manifest {
  return { kind: 'Model', metadata: { name }, spec: { url, format: 'onnx' } };
}

function waits({ status = {} }: { status?: object }): boolean {
  const { lastRound, waitingFor } = status as { lastRound?: { round: number }; waitingFor?: { reason: string } };
  return lastRound?.round === 1 && waitingFor?.reason === 'NoNewSamples';
}
