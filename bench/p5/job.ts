/** An incremental job whose workers do nothing, on a real stack without Kubernetes. */
import { appendFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../../deploy/local/wait.ts';
import { entityId, roundId, type EntityRef } from '../../workflows/lib/ids.ts';
import type { EntityView } from '../../workflows/lib/messages.ts';
import { trains } from '../../workflows/lib/samples.ts';
import { eventsOf, startOf } from '../lib/history.ts';
import { BenchStack, refOf, type Manifest } from '../lib/stack.ts';
import { now } from '../lib/statistics.ts';

const node = 'edge-1';
/** Every thousandth sample evaluates, so a single new line trains. */
const trainProb = 0.999;
const firstLines = 1_000;
const boundMs = 30_000;

export class BenchJob {
  readonly stack: BenchStack;
  readonly ref: EntityRef;
  readonly #index: string;
  #uid = '';
  #round = 1;
  #lines = firstLines;

  private constructor(stack: BenchStack, name: string) {
    this.stack = stack;
    this.ref = refOf('IncrementalLearningJob', name);
    this.#index = join(stack.folder, 'data', `${name}.txt`);
  }

  static async start(): Promise<BenchJob> {
    const images = [fileURLToPath(new URL('./images.yaml', import.meta.url))];
    const stack = await BenchStack.start({ standalone: true, nodes: [node], images });
    const job = new BenchJob(stack, 'reacts');
    try {
      await job.#apply();
      return job;
    } catch (error) {
      await stack.close();
      throw error;
    }
  }

  /** The first round takes what is there; the job waits for new lines afterwards. */
  async #apply(): Promise<void> {
    mkdirSync(dirname(this.#index), { recursive: true });
    writeFileSync(this.#index, numbered(0, firstLines));
    writeFileSync(join(this.stack.folder, 'initial.onnx'), 'first model');
    for (const manifest of manifests(this.ref.name, this.stack.folder, this.#index)) await this.stack.apply(manifest);
    const { metadata } = await this.#waits();
    this.#uid = metadata.uid ?? '';
  }

  /** Appends one line; resolves to the milliseconds until the train activity of the round starts, when the round is over. */
  async react(): Promise<number> {
    this.#round += 1;
    const before = now();
    this.#append();
    await this.#waits();
    const started = startOf(await eventsOf(this.stack.client, this.roundId()), 'runWorker');
    if (started === undefined) throw new Error(`round ${this.#round} did not train`);
    return started - before;
  }

  /**
   * A round that is halted as its training and as its evaluation begins: what `count` gives before it, at both, and after it, each time when
   * it gives the same for half a second.
   */
  async halted(count: () => Promise<number>): Promise<number[]> {
    this.#round += 1;
    const gates = ['train', 'eval'].map((stage) => join(this.stack.folder, stage));
    for (const gate of gates) writeFileSync(gate, '');
    const counts = [await settled(count)];
    this.#append();
    for (const gate of gates) {
      if (!(await until(() => existsSync(`${gate}.reached`), boundMs))) throw new Error(`${gate} was not reached`);
      counts.push(await settled(count));
      rmSync(`${gate}.reached`);
      rmSync(gate);
    }
    await this.#waits();
    return [...counts, await settled(count)];
  }

  get id(): string {
    return entityId(this.ref);
  }

  /** Of the latest round. */
  roundId(): string {
    return roundId(this.id, this.#uid, this.#round);
  }

  /** A line that would evaluate brings one that trains with it. */
  #append(): void {
    const count = trains(this.#lines, trainProb) ? 1 : 2;
    appendFileSync(this.#index, numbered(this.#lines, count));
    this.#lines += count;
  }

  /** The round is over and the job waits again, on its node. */
  #waits(): Promise<EntityView> {
    const isWaiting = ({ status }: EntityView): boolean => {
      const { lastRound, phase, waitingFor } = status as {
        lastRound?: { round: number };
        phase: string;
        waitingFor?: { reason: string };
      };
      return lastRound?.round === this.#round && phase === 'Waiting' && waitingFor?.reason === 'NoNewSamples';
    };
    return this.stack.view(this.ref, isWaiting);
  }
}

async function settled(count: () => Promise<number>): Promise<number> {
  let last = -1;
  const quiet = async (): Promise<boolean> => last === (last = await count());
  if (await until(quiet, boundMs, { everyMs: 500 })) return last;
  throw new Error('there is always something under way');
}

function numbered(from: number, count: number): string {
  return Array.from({ length: count }, (_, i) => `sample-${from + i}.png 1\n`).join('');
}

function manifests(name: string, folder: string, index: string): Manifest[] {
  const [data, initial, deployed] = ['data', 'initial', 'deployed'].map((suffix) => `${name}-${suffix}`);
  const env = [{ name: 'GATES', value: folder }];
  const template = (image: string): object => ({
    spec: { nodeName: node, containers: [{ name: 'worker', image, env }] },
  });
  const stage = template('bench/stage:v1');
  return [
    { kind: 'Dataset', metadata: { name: data ?? '' }, spec: { url: index, format: 'txt', nodeName: node } },
    {
      kind: 'Model',
      metadata: { name: initial ?? '' },
      spec: { url: join(folder, 'initial.onnx'), format: 'onnx' },
    },
    {
      kind: 'Model',
      metadata: { name: deployed ?? '' },
      spec: { url: join(folder, 'deployed.onnx'), format: 'onnx' },
    },
    {
      kind: 'IncrementalLearningJob',
      metadata: { name },
      spec: {
        dataset: { name: data, trainProb },
        initialModel: { name: initial },
        outputDir: join(folder, 'output'),
        trainSpec: {
          trigger: { condition: { metric: 'num_of_samples', operator: '>=', threshold: 1 } },
          template: stage,
        },
        evalSpec: { template: stage },
        deploySpec: {
          model: { name: deployed, hotUpdateEnabled: false },
          trigger: { condition: { metric: 'accuracy_delta', operator: '>', threshold: 0 } },
          hardExampleMining: { name: 'IBT' },
          template: template('bench/serve:v1'),
        },
      },
    },
  ];
}
