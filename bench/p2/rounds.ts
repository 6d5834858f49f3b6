/** Rounds of a federated job whose clients do nothing, on a real stack without Kubernetes. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { residentKiB } from '../lib/processes.ts';
import { BenchStack, refOf } from '../lib/stack.ts';

const node = 'edge-1';

export interface Rounds {
  /** Milliseconds of each round after the first, oldest first: from the end of the round before to its own. */
  times: number[];
  /** Resident memory of global manager and local controller together after the last round, in KiB. */
  memoryKiB: number;
}

interface Finished {
  phase: string;
  rounds?: { round: number; time: string }[];
}

export class FederatedRounds {
  readonly #stack: BenchStack;
  #jobs = 0;

  private constructor(stack: BenchStack) {
    this.#stack = stack;
  }

  static async start(): Promise<FederatedRounds> {
    const images = [fileURLToPath(new URL('./images.yaml', import.meta.url))];
    return new FederatedRounds(await BenchStack.start({ standalone: true, nodes: [node], images }));
  }

  close(): Promise<void> {
    return this.#stack.close();
  }

  /** Status keeps the last 50 rounds: of more, the times are those of the last ones. */
  async run({ n, k, rounds }: { n: number; k: number; rounds: number }): Promise<Rounds> {
    const name = `job-${++this.#jobs}`;
    const { folder, state } = this.#stack;
    const index = join(folder, 'data', 'index.txt');
    mkdirSync(join(folder, 'data'), { recursive: true });
    writeFileSync(index, 'sample 1\n');
    const template = (image: string) => ({
      spec: {
        nodeName: node,
        containers: [{ name: 'worker', image, env: [{ name: 'WEIGHTS', value: String(n) }] }],
      },
    });
    await this.#stack.apply({
      kind: 'Dataset',
      metadata: { name },
      spec: { url: index, format: 'txt', nodeName: node },
    });
    await this.#stack.apply({
      kind: 'Model',
      metadata: { name },
      spec: { url: join(folder, 'models', name), format: 'safetensors' },
    });
    await this.#stack.apply({
      kind: 'FederatedLearningJob',
      metadata: { name },
      spec: {
        aggregationWorker: { model: { name }, template: template('bench/aggregate:v1') },
        trainingWorkers: Array.from({ length: k }, () => ({
          dataset: { name },
          template: template('bench/client:v1'),
        })),
        rounds: { total: rounds },
        evaluation: { every: 1_000_000 },
      },
    });
    const { status } = await this.#stack.view(
      refOf('FederatedLearningJob', name),
      (view) => ['Succeeded', 'Failed'].includes((view.status as unknown as Finished | undefined)?.phase ?? ''),
      { boundMs: 60_000 + rounds * 10_000, everyMs: 2_000 },
    );
    const { phase, rounds: done = [] } = status as unknown as Finished;
    if (phase !== 'Succeeded') throw new Error(`the rounds failed: ${JSON.stringify(status)}`);
    const ends = done.map(({ time }) => Date.parse(time));
    const memoryKiB = state.components
      .filter(({ name: component }) => component === 'gm' || component.startsWith('lc/'))
      .reduce((sum, { pid }) => sum + residentKiB(pid), 0);
    return { times: ends.slice(1).map((end, i) => end - (ends[i] ?? end)), memoryKiB };
  }
}
