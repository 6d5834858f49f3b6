/** Trainers of the original library as real processes against the gateway of a local controller, task by task. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import type { AcceptedUpdate, BlobRef, TrainClientInput, TrainClientResult } from '../../../../activities/contracts.ts';
import { readWeights, writeWeights } from '../../../../sdk/tensors/index.ts';
import { FederatedNode, newPlace } from '../../../activities/support/federated-node.ts';
import { eventually } from '../../../support/eventually.ts';

const shapes = [[2, 3], [3]];

let node: FederatedNode;
beforeEach(async () => {
  node = await new FederatedNode(await newPlace()).start();
});
afterEach(() => node.close());

const inputOf = async (env: Record<string, string> = {}, round = 1): Promise<TrainClientInput> =>
  inRound(await node.input({ image: 'sedna-trainer', env, weights: await globalOf(0.1) }), round);
const inRound = (input: TrainClientInput, round: number, weights = input.weights): TrainClientInput => ({
  ...input,
  identity: { ...input.identity, round },
  ...(weights === undefined ? {} : { weights }),
});
const log = ({ worker }: TrainClientInput): string =>
  readFileSync(join(node.stateDir, 'logs', `${worker.name}.log`), 'utf8');
const says = (input: TrainClientInput, what: RegExp | string) =>
  eventually(
    () =>
      expect(log(input)).toEqual(
        typeof what === 'string' ? expect.stringContaining(what) : expect.stringMatching(what),
      ),
    30_000,
  );

/** Global weights of the trainer's layout, all of one value. */
async function globalOf(value: number): Promise<BlobRef> {
  const file = join(node.place.directory, `global-${value}.safetensors`);
  const tensors = shapes.map((shape, i) => {
    const data = new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(value);
    return [String(i).padStart(5, '0'), { shape, data }] as const;
  });
  await writeWeights(file, Object.fromEntries(tensors));
  return node.blobs.put({ file });
}

function accepted(result: TrainClientResult): AcceptedUpdate {
  if ('accepted' in result) return result.accepted;
  throw new Error(`refused: ${result.refused.reason}: ${result.refused.message}`);
}

/** The one value of an update whose values are all the same. */
async function valueOf({ blob }: Pick<AcceptedUpdate, 'blob'>): Promise<number> {
  const file = join(node.place.directory, 'read.safetensors');
  await node.blobs.fetchTo(blob, file);
  const weights = await readWeights(file);
  expect(Object.values(weights).map(({ shape }) => shape)).toEqual(shapes);
  const values = new Set(Object.values(weights).flatMap(({ data }) => [...data]));
  expect(values.size).toBe(1);
  return [...values][0] as number;
}

describe('rounds', () => {
  test('first weights and round 1 are the first upload; each later round begins with the weights that it was sent', async () => {
    const { weights: _, ...one } = await inputOf({ SAMPLES: '7' });
    const begin = accepted(await node.train({ ...one, task: 'Weights', identity: { ...one.identity, round: 0 } }));
    expect(await valueOf(begin)).toBe(0.5);
    const upload = accepted(await node.train({ ...one, weights: begin.blob }));
    expect(upload).toMatchObject({ samples: 7, blob: { sha256: begin.blob.sha256 } });

    const two = accepted(await node.train(inRound(one, 2, await globalOf(0.1))));
    expect(await valueOf(two)).toBe(Math.fround(0.55));
    await node.dismiss([one.worker.name], await globalOf(0.25));
    expect(log(one).match(/receives .*|has ended/g)).toEqual([
      'receives {"number":1,"exit":"continue","total":7,"first":0.1,"last":0.1}',
      'receives {"number":2,"exit":"ok","total":7,"first":0.25,"last":0.25}',
      'has ended',
    ]);
    expect(readdirSync(join(node.stateDir, 'gateway'))).toEqual([]);
  });

  test('the report of a trainer, which names no owner, is taken', async () => {
    const input = await inputOf();
    accepted(await node.train(input));
    accepted(await node.train(inRound(input, 2)));
    await eventually(() =>
      expect(node.runtime.get(input.worker.name)?.reports['train']?.report).toMatchObject({
        ownerKind: 'default',
        ownerInfo: { currentRound: 1 },
      }),
    );
  });

  test('one that joins after round 1 is sent the present model for its first upload, which does not count', async () => {
    const input = await inputOf({}, 3);
    expect(await valueOf(accepted(await node.train(input)))).toBe(Math.fround(0.55));
    expect(log(input).match(/uploads|receives .*/g)).toEqual([
      'uploads',
      'receives {"number":2,"exit":"continue","total":1,"first":0.1,"last":0.1}',
      'uploads',
    ]);
  });

  test('one that is too late for its round is sent the weights of the next one', async () => {
    const input = await inputOf({ TRAIN_MS: '800' });
    const environment = node.environment();
    const late = node.train(input, environment).catch((error: unknown) => error);
    await says(input, /connects/);
    environment.cancel('CANCELLED', { cancelRequested: true } as never);
    await late;
    const next = accepted(await node.train(inRound(input, 2, await globalOf(0.5))));
    expect(await valueOf(next)).toBe(0.75);
    expect(log(input).match(/uploads|receives .*/g)).toEqual([
      'uploads',
      'receives {"number":1,"exit":"continue","total":1,"first":0.5,"last":0.5}',
      'uploads',
    ]);
  });

  test('one that is not chosen again waits with its upload, and is told the end', async () => {
    const input = await inputOf({}, 5);
    const environment = node.environment();
    const left = node.train(input, environment).catch((error: unknown) => error);
    await says(input, /receives/);
    environment.cancel('CANCELLED', { cancelRequested: true } as never);
    await left;
    await says(input, /uploads 2/);
    await node.dismiss([input.worker.name], await globalOf(0.25));
    expect(log(input)).toMatch(/"exit":"ok".*"first":0.25,"last":0.25\}\nhas ended/);
  });

  test('one that is asked again in round 1 trains again: an upload counts once', async () => {
    const input = await inputOf();
    const again = { ...input, identity: { ...input.identity, turn: 1 } };
    expect(await valueOf(accepted(await node.train(input)))).toBe(0.5);
    expect(await valueOf(accepted(await node.train(again)))).toBe(Math.fround(0.55));
    expect(log(input).match(/uploads|receives .*/g)).toEqual([
      'uploads',
      'receives {"number":0,"exit":"continue","total":1,"first":0.1,"last":0.1}',
      'uploads',
    ]);
  });

  test('layers that stay with a client come back to it as they were', async () => {
    const input = await inputOf();
    const policy = { excludeLayers: ['00001'] };
    const { blob } = accepted(await node.train({ ...input, policy }));
    const file = join(node.place.directory, 'first.safetensors');
    await node.blobs.fetchTo(blob, file);
    accepted(await node.train({ ...inRound(input, 2), policy }));
    expect(log(input)).toMatch(/"last":0.5/);
  });
});

describe('what does not count', () => {
  test.each([
    ['NaN', '[[[0.5, NaN, 0.5], [0.5, 0.5, 0.5]], [1, 1, 1]]', 'NotFinite', /"00000".*element 1 is NaN/],
    ['infinity', '[[[0.5, 1, 0.5], [0.5, 0.5, 0.5]], [1, 1, -Infinity]]', 'NotFinite', /"00001".*-Infinity/],
    ['overflow', '[[[0.5, 1, 0.5], [0.5, 0.5, 0.5]], [1, 1, 3.5e38]]', 'NotFinite', /layer 1: 3.5e38 does not fit/],
    ['shape', '[[[0.5, 0.5, 0.5]], [1, 1, 1]]', 'ShapeMismatch', /is \[1, 3\], not \[2, 3\]/],
    ['ragged', '[[[0.5, 0.5, 0.5], [1, 2]], [1, 1, 1]]', 'ShapeInvalid', /layer 0: .*equal length/],
    ['missing', '[[[0.5, 0.5, 0.5], [1, 2, 3]]]', 'TensorsMissing', /"00001"/],
    ['unknown', '[[[0.5, 0.5, 0.5], [1, 2, 3]], [1, 1, 1], 5]', 'TensorsUnknown', /"00002"/],
    ['none', 'null', 'NotTensors', /no list of layers/],
    ['count', '[1], "num_samples": NaN', 'BadSampleCount', /num_samples/],
    ['negative', '[[[1, 1, 1], [1, 1, 1]], [1, 1, 1]], "num_samples": -3', 'BadSampleCount', /-3/],
  ])('%s: refused by name; the trainer is answered and its next update counts', async (_, said, reason, message) => {
    const input = await inputOf({ BREAK: JSON.stringify({ 1: said }) });
    expect(await node.train(input)).toMatchObject({
      refused: { reason, message: expect.stringMatching(message) as unknown },
    });
    const next = accepted(await node.train(inRound(input, 2)));
    expect(await valueOf(next)).toBe(Math.fround(0.55));
    expect(node.runtime.get(input.worker.name)?.restarts).toBe(0);
  });

  test('one that is asked again for the same round is sent its weights again', async () => {
    const input = await inputOf({ BREAK: JSON.stringify({ 1: '[[NaN]]', 2: '[[NaN]]' }) });
    expect(await node.train(input)).toMatchObject({ refused: {} });
    expect(await node.train(input)).toMatchObject({ refused: {} });
    expect(await valueOf(accepted(await node.train(input)))).toBe(Math.fround(0.55));
  });

  test('a model that it could not be sent is refused at its first upload, with the reason', async () => {
    await node.close();
    node = new FederatedNode(await newPlace());
    node.gateway = { replyBytes: 40 };
    await node.start();
    const input = await inputOf();
    const refused = { reason: 'ReplyTooLarge', message: expect.stringMatching(/40 bytes/) as unknown };
    expect(await node.train(input)).toMatchObject({ refused });
    expect(await node.train(inRound(input, 2))).toMatchObject({ refused });
    expect(log(input).match(/uploads|receives/g)).toEqual(['uploads']);
  });

  test.each([
    'kubeedge/sedna-example-federated-learning-surface-defect-detection-train:v0.4.0',
    'registry:5000/federated-learning-mistnet-yolo-client:v0.4.0',
  ])('%s: an image of the second version is refused by its name', async (image) => {
    const template = { spec: { containers: [{ image }] } };
    const manifest = await node.blobs.put(JSON.stringify({ spec: { trainingWorkers: { 0: { template } } } }));
    const input = await inputOf();
    await expect(node.train({ ...input, worker: { ...input.worker, manifest } })).rejects.toMatchObject({
      type: 'InvalidTemplate',
      message: expect.stringContaining(`${image}: trains with Plato`) as unknown,
      nonRetryable: true,
    });
  });
});

describe('deaths', () => {
  const children: ChildProcess[] = [];
  afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));

  test('a local controller that is killed takes its trainers along; they begin anew, and the round ends in the same bits', async () => {
    const input = await inputOf({ TRAIN_MS: '600' }, 2);
    const undisturbed = accepted(await node.train(input)).blob.sha256;
    await node.close();
    node = new FederatedNode(await newPlace());
    const again = { ...input, weights: await globalOf(0.1), worker: (await inputOf({ TRAIN_MS: '2500' })).worker };
    const first = lc(again);
    await says(again, /receives/);
    first.kill('SIGKILL');
    await once(first, 'exit');
    const second = lc(again);
    const printed = await text(second.stdout as Readable);
    const { blob } = accepted(JSON.parse(printed) as TrainClientResult);
    expect(blob.sha256).toBe(undisturbed);
    // Whichever of its two ways to the local controller it was using just then.
    expect(log(again)).toMatch(/connection closed: 1006|fetch failed/);
    expect(log(again).match(/pid \d+ connects/g)).toHaveLength(2);
    await node.start();
  }, 60_000);

  test('a trainer that is killed is started again and gets the present weights', async () => {
    const input = await inputOf({ TRAIN_MS: '2500' }, 2);
    const result = node.train(input);
    await says(input, /receives/);
    process.kill(node.runtime.get(input.worker.name)?.pid ?? 0, 'SIGKILL');
    expect(await valueOf(accepted(await result))).toBe(Math.fround(0.55));
    expect(log(input).match(/receives/g)).toHaveLength(2);
    await eventually(() => expect(readdirSync(join(node.stateDir, 'gateway'))).toHaveLength(1));
  });

  function lc(input: TrainClientInput): ChildProcess {
    const script = join(import.meta.dirname, '../../../activities/support/lc-child.ts');
    const child = spawn(process.execPath, [script, JSON.stringify(node.place), JSON.stringify(input)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    return child;
  }
});
