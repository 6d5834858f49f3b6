import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type {
  AcceptedUpdate,
  AggregateInput,
  AggregateResult,
  BlobRef,
  TrainClientInput,
  TrainClientResult,
} from '../../../activities/contracts.ts';
import { createAggregateActivities } from '../../../activities/edge/aggregate.ts';
import { taskFiles, type TaskFiles } from '../../../activities/edge/tasks.ts';
import { createTrainClient, taskId } from '../../../activities/edge/train-client.ts';
import type { Weights } from '../../../sdk/index.ts';
import { readWeights } from '../../../sdk/tensors/index.ts';
import { eventually } from '../../support/eventually.ts';
import { FederatedNode, newPlace } from '../support/federated-node.ts';

let node: FederatedNode;
beforeEach(async () => {
  node = await new FederatedNode(await newPlace()).start();
});
afterEach(() => node.close());

const filesOf = (input: TrainClientInput, at = node): TaskFiles =>
  taskFiles(at.stateDir, input.worker.owner, input.worker.name, taskId(input));
const inRound = (input: TrainClientInput, round: number): TrainClientInput => ({
  ...input,
  identity: { ...input.identity, round },
});
const logOf = (input: TrainClientInput, at = node): string =>
  readFileSync(join(at.stateDir, 'logs', `${input.worker.name}.log`), 'utf8');
const count = (log: string, part: RegExp): number => [...log.matchAll(new RegExp(part, 'g'))].length;

function accepted(result: TrainClientResult): AcceptedUpdate {
  if ('accepted' in result) return result.accepted;
  throw new Error(`refused: ${result.refused.reason}: ${result.refused.message}`);
}
function pidOf(input: TrainClientInput, at = node): number {
  const pid = at.runtime.get(input.worker.name)?.pid;
  if (pid === undefined) throw new Error('the worker does not run');
  return pid;
}
/** Once the training has a checkpoint that is younger than `after`. */
const midway = (input: TrainClientInput) =>
  eventually(() => expect(existsSync(filesOf(input).checkpoint)).toBe(true), 20_000);

/** Euclidean, over all tensors. */
async function distance(a: BlobRef, b: BlobRef | undefined): Promise<number> {
  const [first, second] = await Promise.all([a, b].map((blob, i) => read(blob, `${i}.safetensors`)));
  let sum = 0;
  for (const [name, { data }] of Object.entries(first ?? {})) {
    data.forEach((value, i) => (sum += (value - (second?.[name]?.data[i] ?? NaN)) ** 2));
  }
  return Math.sqrt(sum);
}

async function read(blob: BlobRef | undefined, name: string): Promise<Weights> {
  if (blob === undefined) throw new Error('no blob');
  await node.blobs.fetchTo(blob, join(node.place.directory, name));
  return readWeights(join(node.place.directory, name));
}

/** Where a blob is says nothing about what it is. */
const digested = ({ blob: { sha256, bytes }, ...rest }: AcceptedUpdate) => ({ ...rest, sha256, bytes });

const alone = new Map<string, AcceptedUpdate>();

/** The same task on another node that nobody disturbs, at full speed; equal ones once. */
async function undisturbed({ worker: { env }, settings, seed }: TrainClientInput): Promise<AcceptedUpdate> {
  const key = JSON.stringify([env, settings, seed]);
  const known = alone.get(key);
  if (known !== undefined) return known;
  const other = await new FederatedNode(await newPlace()).start();
  try {
    const again = { weights: await other.weights(), env: { ...env, STEP_MS: '0' }, image: 'trainer' };
    const result = accepted(await other.train({ ...(await other.input(again)), settings, seed }));
    alone.set(key, result);
    return result;
  } finally {
    await other.close();
  }
}

describe('rounds', () => {
  test('a client is asked, its update is a blob, and the worker stays for the next round', async () => {
    // Longer than what an answer may take without other news.
    const first = await node.input({ evaluate: true, env: { STEP_MS: '400', START_MS: '1500' } });
    const result = accepted(await node.train(first));
    expect(result).toMatchObject({
      client: '00',
      node: 'edge-1',
      samples: 200,
      metrics: { loss: expect.any(Number) as unknown, accuracy: expect.any(Number) as unknown },
      evaluation: { loss: expect.any(Number) as unknown },
    });
    expect(await node.blobs.has(result.blob)).toBe(true);
    expect([...new Set(node.news.map(({ state }) => state))]).toEqual(['Starting', 'Training']);
    const pid = pidOf(first);

    const second = accepted(await node.train({ ...inRound(first, 2), weights: result.blob, evaluate: false }));
    expect(pidOf(first)).toBe(pid);
    expect(second.blob.sha256).not.toBe(result.blob.sha256);
    expect(second.evaluation).toBeUndefined();
    await eventually(() =>
      expect(node.runtime.get(first.worker.name)?.reports['train']?.report).toMatchObject({
        ownerKind: 'federatedlearningjob',
        status: 'running',
        // Of short rounds only some are told.
        ownerInfo: { currentRound: expect.any(Number), sampleCount: 200 },
      }),
    );
  });

  test('settings and seed reach the training; equal ones give an equal digest, another seed another one', async () => {
    const input = await node.input({ settings: { epochs: 3, batchSize: 50, learningRate: 0.01, mu: 0.1 } });
    const first = accepted(await node.train(input));
    expect(logOf(input)).toContain('trains with seed 7 {"epochs":3,"batchSize":50,"learningRate":0.01,"mu":0.1}');
    expect(accepted(await node.train(inRound(input, 2))).blob).toEqual(first.blob);
    expect(accepted(await node.train({ ...inRound(input, 3), seed: 8 })).blob.sha256).not.toBe(first.blob.sha256);
  });

  test('the weights that a worker begins with, untrained', async () => {
    const { blob } = accepted(await node.train(await node.input({ task: 'Weights' })));
    const file = join(node.place.directory, 'w.safetensors');
    await node.blobs.fetchTo(blob, file);
    const weights = await readWeights(file);
    expect(Object.values(weights).map(({ shape }) => shape.join('x'))).toEqual(
      expect.arrayContaining(['784x16', '16x10']),
    );
    expect(logOf(await node.input())).not.toContain('trains');
  });

  test('a client is told when there are no more: it saves the final model, ends, and is forgotten', async () => {
    const model = join(node.place.directory, 'edge', 'model.onnx');
    const input = await node.input({ env: { MODEL_URL: model } });
    const { blob } = accepted(await node.train(input));
    await node.dismiss([input.worker.name, 'never-seen'], blob);
    expect(node.runtime.list()).toEqual([]);
    expect(logOf(input)).toContain('dismissed');
    expect(readFileSync(model).length).toBeGreaterThan(40_000);
  });

  test('a trainer that is not kept warm ends after each answer, comes again for the next task, and ends in the same bits', async () => {
    const policy = { excludeLayers: ['*bias*'] };
    const rounds = async (keepWarm: boolean) => {
      const model = join(node.place.directory, 'edge', 'model.onnx');
      const input = await node.input({ env: { MODEL_URL: model }, policy, settings: { epochs: 1 } });
      const results: AcceptedUpdate[] = [];
      for (let round = 1; round <= 2; round++) {
        results.push(accepted(await node.train({ ...inRound(input, round), keepWarm })));
        expect(node.runtime.list()).toHaveLength(keepWarm ? 1 : 0);
      }
      expect(count(logOf(input), /pid \d+ starts/)).toBe(keepWarm ? 1 : 2);
      await node.dismiss([input.worker.name], results[1]?.blob, keepWarm ? undefined : [input.worker]);
      expect(node.runtime.list()).toEqual([]);
      expect(readFileSync(model).length).toBeGreaterThan(40_000);
      return results.map(digested);
    };
    const cold = await rounds(false);
    await node.close();
    node = await new FederatedNode(await newPlace()).start();
    expect(await rounds(true)).toEqual(cold);
  });

  test('what a node keeps of its tasks does not grow with the rounds', async () => {
    const input = await node.input({ settings: { epochs: 1 } });
    for (let round = 1; round <= 5; round++) accepted(await node.train(inRound(input, round)));
    expect(readdirSync(join(filesOf(input).directory, '..'))).toHaveLength(3);
  });

  test('layers that stay with the client go on from where it left them, also after its death', async () => {
    const policy = { excludeLayers: ['*bias*'] };
    const input = await node.input({ policy, settings: { epochs: 1 } });
    await node.train(input);
    const own = await readWeights(filesOf(input).update);
    process.kill(pidOf(input), 'SIGKILL');
    const second = { ...inRound(input, 2), settings: { epochs: 1, learningRate: 1e-30 } };
    await node.train(second);
    const after = await readWeights(filesOf(second).update);
    const bias = Object.keys(own).filter((name) => name.includes('bias'));
    expect(bias.length).toBeGreaterThan(0);
    for (const name of bias) expect(after[name]).toEqual(own[name]);
    for (const name of Object.keys(own).filter((name) => !bias.includes(name)))
      expect(after[name]).not.toEqual(own[name]);
  });
});

describe('asked twice', () => {
  test('an accepted update is not asked for again, whatever became of the worker', async () => {
    const input = await node.input();
    const result = await node.train(input);
    await node.runtime.remove(input.worker.name);
    expect(await node.train(input)).toEqual(result);
    expect(node.runtime.list()).toEqual([]);
  });

  test('what was edited is another task: an answer of before does not count for it, and is found again for what it was made of', async () => {
    const input = await node.input();
    const before = accepted(await node.train(input));
    const after = accepted(await node.train({ ...input, settings: { epochs: 1 } }));
    expect(after.blob.sha256).not.toBe(before.blob.sha256);
    const ids = [
      { dataset: { ...input.dataset, url: '/other.txt' } },
      { policy: { clipNorm: 1 } },
      { worker: { ...input.worker, revision: 'other' } },
      { evaluate: true },
    ].map((change) => taskId({ ...input, ...change }) === taskId(input));
    expect(ids).toEqual([false, false, false, true]);
    expect(accepted(await node.train(input))).toEqual(before);
  });

  test('an answer whose blob got lost is judged again, without the worker', async () => {
    const input = await node.input();
    const result = await node.train(input);
    await node.runtime.remove(input.worker.name);
    rmSync(new URL(accepted(result).blob.uri));
    expect(await node.train(input)).toEqual(result);
    expect(node.runtime.list()).toEqual([]);
  });

  test('weights of the round that the blob store has damaged: said ever more rarely, tried again, and right once they are', async () => {
    const input = await node.input();
    const { weights } = input;
    if (weights === undefined) throw new Error('a round has weights');
    const file = fileURLToPath(weights.uri);
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.with(0, 1 ^ (bytes[0] ?? 0)));
    const { trainClient } = createTrainClient(node.deps);
    const told: number[] = [];
    for (let attempt = 1; attempt <= 4; attempt++) {
      const before = node.news.length;
      await expect(node.environment(attempt).run(trainClient, input)).rejects.toMatchObject({ code: 'DigestMismatch' });
      if (node.news.length > before) told.push(attempt);
      const message = expect.stringContaining('has other content') as unknown;
      expect(node.news.at(-1)).toMatchObject({
        state: 'Retrying',
        problem: { reason: 'BlobStoreUnreachable', message },
      });
    }
    expect(told).toEqual([1, 2, 4]);
    writeFileSync(file, bytes);
    expect(await node.train(input)).toMatchObject({ accepted: { samples: 200 } });
  }, 60_000);

  test('a local controller that lost the answer gets it again from the worker, which does not train again', async () => {
    const input = await node.input();
    const result = await node.train(input);
    for (const file of [filesOf(input).answer, filesOf(input).result]) rmSync(file);
    expect(await node.train(input)).toEqual(result);
    expect(count(logOf(input), /trains with/)).toBe(1);
  });
});

describe('deaths', () => {
  const slow = { env: { STEP_MS: '400', EPOCHS: '6', PER_DIGIT: '60' }, settings: { epochs: 6 } };

  test('the worker, killed in the middle of its training: it resumes, and the digest is that of an undisturbed training', async () => {
    const input = await node.input({ ...slow, env: { ...slow.env, START_MS: '1500' } });
    const training = node.train(input);
    await midway(input);
    process.kill(pidOf(input), 'SIGKILL');
    const result = accepted(await training);
    expect(logOf(input)).toMatch(/resumed from .* at step [1-9]/);
    const steps = node.news.filter(({ step }) => step !== undefined).map(({ step }) => step);
    expect(steps.length).toBeGreaterThan(0);
    expect(steps.length).toBeLessThanOrEqual(12);
    expect(node.news).toContainEqual(
      expect.objectContaining({
        state: 'Retrying',
        problem: { reason: 'WorkerFailed', message: expect.stringContaining('SIGKILL') as unknown },
      }),
    );
    expect(digested(result)).toEqual(digested(await undisturbed(input)));
  });

  test('the local controller, killed in the middle of a training: the worker goes on, and its successor takes the answer', async () => {
    await node.stop();
    const input = await node.input(slow);
    const first = lc(input);
    await midway(input);
    await killed(first);
    node = await new FederatedNode(node.place).start();
    const pid = pidOf(input);
    // Nobody has asked yet: the answer is taken all the same.
    await eventually(() => expect(existsSync(filesOf(input).answer)).toBe(true), 20_000);
    const result = accepted(await node.train(input));
    expect(pidOf(input)).toBe(pid);
    expect(count(logOf(input), /trains with/)).toBe(1);
    expect(digested(result)).toEqual(digested(await undisturbed(input)));
  });

  test('both, killed in the middle of a training', async () => {
    await node.stop();
    const input = await node.input(slow);
    const first = lc(input);
    await midway(input);
    const worker = Number(/pid (\d+) starts/.exec(logOf(input))?.[1]);
    await killed(first);
    process.kill(worker, 'SIGKILL');
    const second = lc(input);
    const result = JSON.parse(await text(second.stdout as Readable)) as TrainClientResult;
    expect(logOf(input)).toMatch(/resumed from/);
    expect(digested(accepted(result))).toEqual(digested(await undisturbed(input)));
    node = await new FederatedNode(node.place).start();
  });

  test('a worker that keeps dying is given up, with its last words', async () => {
    const input = await node.input({ image: 'crashes' });
    await expect(node.train(input)).rejects.toMatchObject({
      type: 'WorkerFailed',
      message: expect.stringMatching(/exit code 3; last lines: .*no GPU \(5 times in a row\)/) as unknown,
    });
    expect(node.news.at(-1)).toMatchObject({ state: 'Retrying', problem: { reason: 'WorkerFailed' } });
  });

  async function killed(child: ChildProcess): Promise<void> {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  function lc(input: TrainClientInput): ChildProcess {
    const script = join(import.meta.dirname, '..', 'support', 'lc-child.ts');
    return spawn(process.execPath, [script, JSON.stringify(node.place), JSON.stringify(input)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  }
});

describe('answers that do not count', () => {
  test('a training that fails is a refusal with its message, the worker stays, and may be asked again', async () => {
    const bad = await node.input({ settings: { epochs: 1, learningRate: 1e30 } });
    const result = await node.train(bad);
    expect(result).toMatchObject({
      refused: {
        reason: 'WorkerFailed',
        message: expect.stringMatching(/TrainingDiverged: training diverged/) as unknown,
      },
      client: '00',
      node: 'edge-1',
    });
    const pid = pidOf(bad);
    accepted(await node.train({ ...bad, settings: { epochs: 1 } }));
    expect(pidOf(bad)).toBe(pid);
  });

  const lies = [
    ['nan', 'NotFinite', /element 2 is NaN/],
    ['infinite', 'NotFinite', /element 2 is -Infinity/],
    ['shape', 'ShapeMismatch', /is \[16, 1\], not \[16\]/],
    ['missing', 'TensorsMissing', /is missing/],
    ['unknown', 'TensorsUnknown', /"more" is not in the global model/],
    ['negative', 'BadSampleCount', /claims -99 samples/],
    ['none', 'BadSampleCount', /claims 0 samples/],
    ['fraction', 'BadSampleCount', /claims 1.5 samples/],
    ['absurd', 'TooManySamples', /claims 1000000000000000 samples; its dataset has \d+/],
    ['garbage', 'NotTensors', /./],
    ['huge', 'NotFinite', /too far for f16/],
  ] as const;

  test('a worker that lies is refused each time by what is wrong, and nothing of it is kept', async () => {
    const input = await node.input({ image: 'liar', env: { LIE: lies.map(([lie]) => lie).join() } });
    for (const [i, [lie, reason, message]] of lies.entries()) {
      const policy = { maxSamplesFactor: 10, ...(lie === 'huge' ? { compression: 'f16' as const } : {}) };
      const asked = { ...inRound(input, i + 1), policy };
      expect({ lie, ...(await node.train(asked)) }).toMatchObject({
        lie,
        refused: { reason, message: expect.stringMatching(message) as unknown },
        client: '00',
      });
      // Whoever asks again is answered anew.
      expect(existsSync(filesOf(asked).directory)).toBe(false);
    }
    expect(node.runtime.get(input.worker.name)?.restarts).toBe(0);
  });

  test('an update that goes too far is scaled down to the norm that the job allows', async () => {
    const input = await node.input({ image: 'liar', env: { LIE: 'huge' }, policy: { clipNorm: 2 } });
    const { blob } = accepted(await node.train(input));
    expect(await distance(blob, input.weights)).toBeCloseTo(2, 3);
  });

  test('an image that is not allowed', async () => {
    const input = await node.input({ image: 'unknown' });
    await expect(node.train(input)).rejects.toMatchObject({ type: 'ImageNotAllowed', nonRetryable: true });
    expect(node.news.at(-1)).toMatchObject({ state: 'Retrying', problem: { reason: 'ImageNotAllowed' } });
  });
});

test.each([
  ['f16', 0.55, 1e-3],
  ['int8', 0.35, 2e-2],
] as const)('compressed as %s on its way, whole again when it is aggregated', async (compression, share, error) => {
  const input = await node.input();
  const plain = accepted(await node.train(input)).blob;
  const update = accepted(await node.train({ ...inRound(input, 2), policy: { compression } }));
  expect(update.blob.bytes).toBeLessThan(share * plain.bytes);
  const activities = createAggregateActivities(node.deps);
  const round: AggregateInput = {
    owner: input.worker.owner,
    round: 2,
    strategy: { name: 'FedAvg', parameters: {} },
    weights: input.weights as BlobRef,
    updates: [update],
  };
  const aggregate = (given: AggregateInput): Promise<AggregateResult> => activities.aggregate(given);
  const { weights }: AggregateResult = await node.environment().run(aggregate, round);
  expect(weights.bytes).toBe(plain.bytes);
  expect(await distance(weights, plain)).toBeLessThan(error * (await distance(plain, input.weights)) + 1e-6);
});

test('a task that is no longer wanted is given up, and the worker is free for the next one', async () => {
  const input = await node.input({ env: { STEP_MS: '500' }, settings: { epochs: 1_000 } });
  const environment = node.environment();
  const ended = node.train(input, environment).catch((error: Error) => error.name);
  await midway(input);
  environment.cancel('CANCELLED', { cancelRequested: true } as never);
  expect(await ended).toBe('CancelledFailure');
  accepted(await node.train({ ...inRound(input, 2), settings: { epochs: 1 } }));
  expect(existsSync(filesOf(input).answer)).toBe(false);
});

test('nothing is left of the tasks of an owner that is gone', async () => {
  const { removeOwner } = await import('../../../activities/edge/node.ts');
  const input = await node.input({ settings: { epochs: 1 } });
  await node.train(input);
  await removeOwner(node.deps, input.worker.owner);
  expect(readdirSync(join(node.stateDir, 'tasks'))).toEqual([]);
  expect(node.runtime.list()).toEqual([]);
});
