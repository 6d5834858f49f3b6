/** Trainers of the original library in a whole stack: an unmodified manifest, and one in which everything goes wrong. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../deploy/local/files.ts';
import { digestFile } from '../../sdk/storage/index.ts';
import { writeWeights } from '../../sdk/tensors/index.ts';
import { eventually } from '../support/eventually.ts';
import { LocalStack } from '../support/local-stack.ts';
import { describeTemporal } from '../support/stack.ts';
import { signal, type ProcessRef } from '../../workers/lib/process.ts';

interface Trainer {
  node: string;
  start: number;
  target: number;
  samples: number;
  env?: Record<string, string>;
}

interface Status {
  phase: string;
  round: string;
  transmitter?: string;
  clients: { state: string; reason?: string; message?: string }[];
  rounds: { round: number; clients: number; samples: number; digest: string; updates?: number }[];
}

/** Seconds pass between what is looked for. */
const lookMs = 200;
const shapes = [[2, 3], [3], []];
const trainers: Trainer[] = [
  { node: 'edge-1', start: 0.3, target: 1, samples: 10 },
  { node: 'edge-1', start: 0.3, target: -2.7, samples: 33 },
  { node: 'edge-2', start: 0.3, target: 0.123456, samples: 7 },
];

interface Change {
  rounds?: object;
  aggregation?: object;
  transmitter?: object;
  image?: string;
  /** Environment of an aggregator that is run. */
  aggregator?: Record<string, string>;
}

class TrainerStack extends LocalStack {
  async start(): Promise<void> {
    const images = join(this.cwd, 'images.yaml');
    const support = join(packageRoot(), 'test/workers/support');
    const [program, aggregator] = [join(support, 'sedna-trainer.ts'), join(support, 'sedna-aggregator.ts')];
    writeFileSync(
      images,
      JSON.stringify({
        images: [
          { image: 'test/sedna-trainer', dir: this.cwd, command: ['node', program] },
          { image: 'kubeedge/sedna-example-*', dir: this.cwd, command: ['node', program] },
          { image: 'test/sedna-aggregator', dir: this.cwd, command: ['node', aggregator] },
        ],
      }),
    );
    await this.up('--standalone', '--images', images);
  }

  /** A manifest as for the original: the number of rounds is in the environment of the aggregator. */
  async apply(name: string, clients: Trainer[], change: Change) {
    const { image = 'test/sedna-trainer:v1', aggregator, ...fields } = change;
    const objects: object[] = [];
    const add = (kind: string, of: string, spec: object) =>
      objects.push({ apiVersion: 'sedna.io/v1alpha1', kind, metadata: { name: of }, spec });
    const container = (env: Record<string, string>, of = image) => ({
      name: 'worker',
      image: of,
      env: Object.entries(env).map(([key, value]) => ({ name: key, value })),
    });
    add('Model', `${name}-model`, { url: join(this.cwd, 'models', name), format: 'h5' });
    const trainingWorkers = clients.map(({ node, start, target, samples, env }, i) => {
      const url = join(this.cwd, `${name}-${i}.txt`);
      writeFileSync(url, 'a\nb\n');
      add('Dataset', `${name}-data-${i}`, { url, format: 'txt', nodeName: node });
      const own = { SHAPES: JSON.stringify(shapes), START: `${start}`, TARGET: `${target}`, SAMPLES: `${samples}` };
      const template = { spec: { nodeName: node, containers: [container({ ...own, ...env })] } };
      return { dataset: { name: `${name}-data-${i}` }, template };
    });
    add('FederatedLearningJob', name, {
      aggregationWorker: {
        model: { name: `${name}-model` },
        template: {
          spec: {
            nodeName: 'cloud-1',
            containers: [container({ exit_round: '3', ...aggregator }, aggregator && 'test/sedna-aggregator:v1')],
          },
        },
      },
      trainingWorkers,
      ...fields,
    });
    mkdirSync(join(this.cwd, 'models'), { recursive: true });
    const file = join(this.cwd, `${name}.json`);
    writeFileSync(file, objects.map((object) => JSON.stringify(object)).join('\n---\n'));
    await this.cli('apply', '-f', file);
  }

  /** Of workers whose name begins so. */
  logs(node: string, name: string): string[] {
    const folder = join(this.cwd, '.sedna', 'nodes', node, 'logs');
    return readdirSync(folder)
      .filter((file) => file.startsWith(name))
      .map((file) => readFileSync(join(folder, file), 'utf8'));
  }

  async until(name: string, expected: object, boundMs: number): Promise<Status> {
    return eventually(
      async () => {
        const status = await this.statusOf<Status>('fl', name);
        expect(status).toMatchObject(expected);
        return status;
      },
      boundMs,
      lookMs,
    );
  }
}

/** Digest of the global weights after each round, by the definition: w = Σ n_k/N · w_k in float64, as float32. */
async function expected(stack: TrainerStack, clients: Trainer[], counted: number[][]): Promise<string[]> {
  const digests: string[] = [];
  const values = clients.map(({ start }) => Math.fround(start));
  let global: number | undefined;
  for (const [round, ids] of counted.entries()) {
    const chosen = ids.map((id) => clients[id] as Trainer);
    const total = chosen.reduce((sum, { samples }) => sum + samples, 0);
    let sum = 0;
    for (const [i, { samples, target }] of chosen.entries()) {
      const from = global ?? values[ids[i] ?? 0] ?? 0;
      sum += (samples / total) * Math.fround(from + (target - from) / 2);
    }
    global = Math.fround(sum);
    const tensors = shapes.map((shape, i) => {
      const data = new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(global ?? 0);
      return [String(i).padStart(5, '0'), { shape, data }] as const;
    });
    const file = join(stack.cwd, `expected-${round}.safetensors`);
    await writeWeights(file, Object.fromEntries(tensors));
    digests.push((await digestFile(file)).sha256);
  }
  return digests;
}

const all = [0, 1, 2];

describeTemporal('trainers of the original library', () => {
  const stack = new TrainerStack('sedna-trainers');
  beforeAll(() => stack.start(), 180_000);
  afterAll(() => stack.down(), 60_000);

  it('do all rounds of an unmodified manifest; the models are the hand-computed means, bit by bit', async () => {
    await stack.apply('plain', trainers, {
      transmitter: { s3: { aggDataPath: 's3://bucket/fl', credentialName: 'x' } },
    });
    const status = await stack.until('plain', { phase: 'Succeeded', round: '3/3' }, 120_000);
    expect(status.rounds.map(({ digest }) => digest)).toEqual(await expected(stack, trainers, [all, all, all]));
    expect(status.rounds.map(({ clients, samples }) => [clients, samples])).toEqual(Array(3).fill([3, 50]));
    expect(status.transmitter).toMatch(/s3 is accepted and works like ws/);
    for (const node of ['edge-1', 'edge-2']) expect(stack.workers(node, 'sedna-trainer')).toEqual([]);
  }, 180_000);

  it('kill -9 of local controller, manager and trainer, and an update that is refused: the same rounds, the same bits', async () => {
    const slow = trainers.map((trainer) => ({ ...trainer, env: { TRAIN_MS: '4000' } }));
    const broken = { ...(slow[2] as Trainer), env: { TRAIN_MS: '4000', BREAK: JSON.stringify({ 2: '[[NaN]]' }) } };
    const clients = [...slow.slice(0, 2), broken];
    await stack.apply('disturbed', clients, { rounds: { minClientsToStart: 3, quorum: { minAvailable: 2 } } });
    const round = expect.stringMatching(/^[12]\/3$/) as unknown;
    await stack.until('disturbed', { phase: 'Running', round }, 90_000);
    // In the middle of a round: sockets end with the local controller, and trainers with their sockets.
    const before = await eventually(() => {
      const pids = stack.workers('edge-1', 'sedna-trainer').map(({ pid }) => pid);
      expect(pids).toHaveLength(2);
      return pids;
    }, 20_000);
    const controller = stack.kill('lc/edge-1');
    const manager = stack.kill('gm');
    await stack.restarted('lc/edge-1', controller);
    await stack.restarted('gm', manager);
    // It trains twice, once for nothing, so it is at it for a while.
    const again = await eventually(() => {
      const now = stack.workers('edge-1', 'sedna-trainer').filter(({ pid }) => !before.includes(pid));
      expect(now).not.toHaveLength(0);
      return now;
    }, 60_000);
    for (const trainer of again) signal(trainer, 'SIGKILL');
    const status = await stack.until('disturbed', { phase: 'Succeeded', round: '3/3' }, 120_000);
    expect(status.rounds.map(({ clients: count }) => count)).toEqual([3, 2, 3]);
    expect(status.rounds.map(({ digest }) => digest)).toEqual(await expected(stack, clients, [all, [0, 1], all]));
  }, 400_000);

  it('fill the buffers of FedBuff; each is told the end', async () => {
    const aggregation = { strategy: 'FedBuff', parameters: { bufferSize: 2 } };
    await stack.apply('buffered', trainers, { aggregation, rounds: { total: 4, minClientsToStart: 3 } });
    const status = await stack.until('buffered', { phase: 'Succeeded', round: '4/4' }, 120_000);
    expect(status.rounds.map(({ updates }) => updates)).toEqual([2, 2, 2, 2]);
    const logs = ['edge-1', 'edge-2'].flatMap((node) => stack.logs(node, 'buffered-train-'));
    expect(logs).toHaveLength(3);
    for (const log of logs) expect(log).toMatch(/"exit":"ok".*\nhas ended/);
  }, 180_000);

  it('an aggregator of the original too: it, local controller and manager are killed in a round; the same bits', async () => {
    const aggregator = { BREAK: JSON.stringify({ 2: 'silent' }), BREAK_ONCE: join(stack.cwd, 'once') };
    await stack.apply('own', trainers, { aggregation: { strategy: 'Worker' }, rounds: { total: 4 }, aggregator });
    const before = await eventually(() => {
      const [running, ...others] = stack.workers('cloud-1', 'sedna-aggregator');
      expect([existsSync(aggregator.BREAK_ONCE), running, others]).toEqual([true, expect.anything(), []]);
      return running as ProcessRef;
    }, 90_000);
    const [controller, manager] = [stack.kill('lc/cloud-1'), stack.kill('gm')];
    await stack.restarted('lc/cloud-1', controller);
    await stack.restarted('gm', manager);
    // The one that was in the middle of a round is not asked again.
    const again = await eventually(() => {
      const [running] = stack.workers('cloud-1', 'sedna-aggregator').filter(({ pid }) => pid !== before.pid);
      expect(running).toBeDefined();
      return running as ProcessRef;
    }, 90_000);
    signal(again, 'SIGKILL');
    const status = await stack.until('own', { phase: 'Succeeded', round: '4/4' }, 120_000);
    const plain = await expected(stack, trainers, [all, all, all, all]);
    expect(status.rounds.map(({ digest }) => digest)).toEqual(plain);
    expect(stack.workers('cloud-1', 'sedna-aggregator')).toEqual([]);
    const logs = ['edge-1', 'edge-2'].flatMap((node) => stack.logs(node, 'own-train-'));
    // Nobody has trained twice for a round.
    for (const log of logs) expect(log.match(/^uploads/gm)).toHaveLength(4);
  }, 300_000);

  it('images of the second version are refused by name', async () => {
    const image = 'kubeedge/sedna-example-federated-learning-surface-defect-detection-train:v0.4.0';
    await stack.apply('plato', trainers.slice(2), { image });
    const message = expect.stringMatching(`${image}: trains with Plato`) as unknown;
    await stack.until('plato', { phase: 'Failed', waitingFor: { reason: 'InvalidTemplate', message } }, 90_000);
  }, 120_000);
});
