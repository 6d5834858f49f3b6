/**
 * The original's Python library, unmodified, against the services of a whole stack. `SEDNA_LIB` is the folder `lib` of a checkout of
 * kubeedge/sedna, `SEDNA_PYTHON` a Python that has what its requirements.txt names; without the first this is no test.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeModel, mlp } from '../../sdk/estimators/onnx/index.ts';
import { InferenceClient } from '../../sdk/index.ts';
import { data, directly, rows } from '../sdk/support/ready-made.ts';
import { eventually } from '../support/eventually.ts';
import { LocalStack } from '../support/local-stack.ts';

const { SEDNA_LIB: library = '', SEDNA_PYTHON: python = 'python3' } = process.env;

interface Status {
  phase: string;
  endpoints?: { name: string; url: string }[];
  metrics?: { key: string; value: unknown }[];
  lastRound?: { round: number; deployed: boolean };
  rounds?: { samples: number }[];
}

interface Manifest {
  apiVersion: string;
  kind: string;
  spec: object;
}

const here = import.meta.dirname;
const boundMs = 90_000;
const lookMs = 300;

class OriginalStack extends LocalStack {
  async start(): Promise<void> {
    const images = ['train', 'eval', 'serve', 'federated', 'aggregate', 'edge', 'cloud'].map((role) => ({
      image: `original/${role}`,
      dir: this.cwd,
      command: [python, join(here, 'worker.py'), role],
      env: { PYTHONPATH: library, PYTHONUNBUFFERED: '1' },
    }));
    await this.up('--standalone', '--images', this.file('images.yaml', JSON.stringify({ images })));
  }

  file(name: string, content: string | Uint8Array = ''): string {
    const file = join(this.cwd, name);
    writeFileSync(file, content);
    return file;
  }

  /** As `numpy.save` writes a matrix of one number. */
  matrix(name: string, value: number): string {
    const head = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), }".padEnd(117) + '\n';
    const number = Buffer.alloc(8);
    number.writeDoubleLE(value);
    return this.file(name, Buffer.concat([Buffer.from(`\x93NUMPY\x01\x00\x76\x00${head}`, 'latin1'), number]));
  }

  until(kind: string, name: string, check: (status: Status) => void): Promise<Status> {
    const looks = async (): Promise<Status> => {
      const status = await this.statusOf<Status>(kind, name);
      check(status);
      return status;
    };
    return eventually(looks, boundMs, lookMs);
  }

  /** What workers whose name begins so have said. */
  told(node: string, name: string): unknown[] {
    const folder = join(this.cwd, '.sedna', 'nodes', node, 'logs');
    const logs = readdirSync(folder).filter((file) => file.startsWith(name));
    const text = logs.map((file) => readFileSync(join(folder, file), 'utf8')).join('\n');
    return [...text.matchAll(/^told (.*)$/gm)].map(([, said]) => JSON.parse(said ?? '') as unknown);
  }
}

describe('workers with the original library', () => {
  const stack = new OriginalStack('original-library');
  beforeAll(async () => {
    await stack.start();
    for (const [name, seed] of Object.entries({ little: 1, big: 2 }))
      stack.file(`${name}.onnx`, encodeModel(mlp({ inputs: 2, hidden: [4], outputs: 3, seed })));
    for (const folder of ['initial', 'out']) mkdirSync(join(stack.cwd, folder));
    for (const [name, lines] of Object.entries({ 'part-1': '8\n8\n8', 'part-2': '4', numbers: '' }))
      stack.file(`${name}.txt`, lines);
    stack.file('big.txt', 'any');
    stack.matrix('little.npy', 1);
    stack.matrix('deployed.pb', 0);
    const objects = readFileSync(join(here, 'objects.yaml'), 'utf8').replaceAll('DIR', stack.cwd);
    await stack.cli('apply', '-f', stack.file('objects.yaml', objects));
  }, 180_000);
  afterAll(() => stack.down(), 60_000);

  it('JointInference asks our big model about its hard examples', async () => {
    await stack.until('ji', 'theirs-edge', ({ metrics = [] }) => {
      expect(Number(metrics.find(({ key }) => key === 'hardExampleNumber')?.value)).toBeGreaterThan(0);
    });
    const direct = await directly(join(stack.cwd, 'big.onnx'), rows(0, 2));
    const answer = direct.map((value) => expect.closeTo(value, 6) as unknown);
    const hard = expect.objectContaining({ hard: true, cloud: answer, result: answer }) as unknown;
    // Its cloud may have started after it.
    await eventually(() => expect(stack.told('edge-1', 'theirs-edge')).toContainEqual(hard), boundMs, lookMs);
    const sure = expect.objectContaining({ hard: false, cloud: null }) as unknown;
    expect(stack.told('edge-1', 'theirs-edge')).toContainEqual(sure);
  }, 200_000);

  it('our edge worker asks their BigModelService', async () => {
    const { endpoints = [] } = await stack.until('ji', 'theirs-cloud', ({ phase }) => expect(phase).toBe('Running'));
    const client = new InferenceClient(endpoints.find(({ name }) => name === 'edge')?.url ?? '');
    const { outputs, parameters } = await client.infer({ model: 'theirs-cloud', feeds: rows(0.5, -2) });
    expect(parameters).toMatchObject({ hard: true, answered_by: 'cloud', degraded: false });
    expect(data(outputs)).toEqual([0.5, -2, 7]);
  }, 100_000);

  it('IncrementalLearning trains, evaluates and serves; the second round goes on from the model of the first', async () => {
    await stack.until('il', 'numbers', ({ phase }) => expect(phase).toBe('Waiting'));
    for (const [index, value] of [3, 4.5].entries()) {
      appendFileSync(join(stack.cwd, 'numbers.txt'), '6\n'.repeat(10));
      await stack.until('il', 'numbers', ({ lastRound }) => {
        expect(lastRound).toMatchObject({ round: index + 1, deployed: true });
      });
      expect(readFileSync(join(stack.cwd, 'deployed.pb')).readDoubleLE(128)).toBe(value);
      const told = () => stack.told('edge-1', 'numbers-inference');
      await eventually(() => expect(told()).toContainEqual({ loaded: value }), 20_000, lookMs);
    }
  }, 300_000);

  it('FederatedLearning: the model of each round is the weighted mean, whoever aggregates', async () => {
    const { apiVersion, kind, spec } = JSON.parse(
      (await stack.cli('get', 'fl', 'ours', '-o', 'json')).replaceAll('"mean"', '"mean-2"'),
    ) as Manifest;
    const own = { ...spec, aggregation: { strategy: 'Worker' } };
    const job = { apiVersion, kind, metadata: { name: 'theirs' }, spec: own };
    await stack.cli('apply', '-f', stack.file('theirs.yaml', JSON.stringify(job)));
    for (const name of ['ours', 'theirs']) {
      const { rounds = [] } = await stack.until('fl', name, ({ phase }) => expect(phase).toBe('Succeeded'));
      expect(rounds.map(({ samples }) => samples)).toEqual([4, 4, 4]);
      // Half the way to 7 in each round; the trainers read what they saved after the second.
      for (const node of ['edge-1', 'edge-2']) {
        expect(stack.told(node, `${name}-train`)).toContainEqual({ loaded: 5.25 });
      }
    }
  }, 200_000);
});
