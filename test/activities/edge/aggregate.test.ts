import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type {
  AcceptedUpdate,
  AggregateInput,
  AggregateResult,
  BlobRef,
  CheckStrategyInput,
  ImportedModel,
  ImportModelInput,
} from '../../../activities/contracts.ts';
import { createAggregateActivities } from '../../../activities/edge/aggregate.ts';
import { encodeModel, mlp, OnnxEstimator } from '../../../sdk/estimators/onnx/index.ts';
import type { Weights } from '../../../sdk/index.ts';
import { openBlobStore } from '../../../sdk/storage/index.ts';
import { compress } from '../../../sdk/features/federated/compression.ts';
import { readWeights, withTensors, writeWeights } from '../../../sdk/tensors/index.ts';
import { commandLine, processesWith } from '../../../workers/lib/process.ts';
import { eventually } from '../../support/eventually.ts';
import { noSmallDisks, SmallDisk } from '../../support/small-disk.ts';
import { Told } from '../../support/told.ts';

const directory = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'aggregate-'));
const stateDir = join(directory, 'state');
const blobs = openBlobStore(join(directory, 'blobs'));
const told = new Told();
const activities = createAggregateActivities({ node: 'edge-1', signaller: told, stateDir, blobs });
const modelFile = join(directory, 'model.onnx');
const owner = { kind: 'FederatedLearningJob', namespace: 'default', name: 'job', uid: 'u-1' };
let environment: MockActivityEnvironment;

beforeEach(() => {
  environment = new MockActivityEnvironment(undefined, { logger: new DefaultLogger('ERROR') });
  writeFileSync(modelFile, encodeModel(mlp({ inputs: 3, hidden: [4], outputs: 2, seed: 1 })));
});
afterEach(() => environment.cancel('WORKER_SHUTDOWN'));

async function blobOf(weights: Weights): Promise<BlobRef> {
  const file = join(directory, 'some.safetensors');
  await writeWeights(file, weights);
  return blobs.put({ file });
}
async function weightsOf(blob: BlobRef): Promise<Weights> {
  const file = join(directory, `${blob.sha256}.safetensors`);
  await blobs.fetchTo(blob, file);
  return readWeights(file);
}
async function gone(): Promise<BlobRef> {
  const blob = await blobOf(ofOne(54321));
  rmSync(fileURLToPath(blob.uri));
  return blob;
}
const ofOne = (value: number): Weights => ({ w: { shape: [1], data: Float32Array.of(value) } });
const filled = (like: Weights, value: number): Weights =>
  Object.fromEntries(
    Object.entries(like).map(([name, { shape, data }]) => [
      name,
      { shape, data: new Float32Array(data.length).fill(value) },
    ]),
  );
const update = (client: string, blob: BlobRef, samples: number): AcceptedUpdate => ({
  client,
  node: 'edge-1',
  blob,
  samples,
  metrics: {},
});
const importOf = (input: ImportModelInput): Promise<ImportedModel | undefined> =>
  environment.run((given: ImportModelInput) => activities.importModel(given), input);
const imported = () => importOf({ model: { url: modelFile, format: 'onnx' } });
const run = (input: AggregateInput): Promise<AggregateResult> =>
  environment.run((given: AggregateInput) => activities.aggregate(given), input);

const parentOf = (pid: number) =>
  Number(spawnSync('ps', ['-o', 'ppid=', '-p', String(pid)], { encoding: 'utf8' }).stdout);

/** The aggregating child of this process; tests that run beside this one have their own. */
const children = () =>
  processesWith('TEST_RUN_DIR', process.env['TEST_RUN_DIR'] ?? '').filter(
    ({ pid }) =>
      parentOf(pid) === process.pid && commandLine(pid).some((part) => part.endsWith('children/aggregate.ts')),
  );

/** Halts the children that the next round may be given to, so that it is met at its work. */
function freeze(): number[] {
  const pids = children().map(({ pid }) => pid);
  expect(pids).not.toEqual([]);
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  return pids;
}

async function round(change: Partial<AggregateInput> = {}): Promise<AggregateInput> {
  const model = await imported();
  if (model === undefined) throw new Error('not imported');
  const global = await weightsOf(model.weights);
  return {
    owner,
    round: 1,
    strategy: { name: 'FedAvg', parameters: {} },
    weights: model.weights,
    file: model.file,
    updates: [update('00', await blobOf(filled(global, 1)), 300), update('01', await blobOf(filled(global, 5)), 100)],
    ...change,
  };
}

test('a late update that was compressed is a change of the weights that its client started from', async () => {
  const [base, weights] = [await blobOf(ofOne(10)), await blobOf(ofOne(100))];
  const [before, after, packed] = ['before', 'after', 'packed'].map((name) => join(directory, `${name}.safetensors`));
  await blobs.fetchTo(base, before as string);
  await writeWeights(after as string, ofOne(14));
  const { path } = await withTensors(before as string, (global) =>
    withTensors(after as string, (file) => compress({ update: file, global }, 'f16', packed as string)),
  );
  const late = { ...update('01', await blobs.put({ file: path }), 1), base, staleness: 1 };
  const own = update('00', await blobOf(ofOne(104)), 1);
  const { weights: next } = await run({ ...(await round({ weights, updates: [own, late] })), file: undefined });
  expect(await weightsOf(next)).toEqual(ofOne((104 + 14) / 2));
});

test('an ONNX file is imported with the names and values that its estimator has', async () => {
  const model = await imported();
  const estimator = new OnnxEstimator({
    model: modelFile,
    loss: 'softmaxCrossEntropy',
    optimizer: { name: 'sgd', learningRate: 1 },
  });
  expect(model && (await weightsOf(model.weights))).toEqual(await estimator.getWeights());
  expect(model?.file).toEqual(await blobs.put({ file: modelFile }));
  await estimator.close();
});

test.each([
  ['nothing', () => undefined],
  ['no ONNX', () => writeFileSync(modelFile, 'PK…')],
])('%s at the url of the Model: there is nothing to import', async (_what, change) => {
  change();
  const url = _what === 'nothing' ? join(directory, 'absent.onnx') : modelFile;
  expect(await importOf({ model: { url, format: 'onnx' } })).toBeUndefined();
});

test('a strategy is asked how many updates it needs before anybody trains', async () => {
  const needs = (name: string, parameters: AggregateInput['strategy']['parameters'] = {}) =>
    environment.run((input: CheckStrategyInput) => activities.checkStrategy(input), { name, parameters });
  expect(await needs('FedAvg')).toEqual({});
  expect(await needs('MultiKrum', { num_malicious_nodes: 1 })).toEqual({ minUpdates: 5 });
  expect(await needs('FedBuff', { bufferSize: 3 })).toEqual({});
});

test('safetensors are imported as weights alone; what is neither, and what is not there, is not', async () => {
  const file = join(directory, 'bare.safetensors');
  await writeWeights(file, ofOne(7));
  const found = await importOf({ model: { url: file, format: 'safetensors' } });
  expect(found && (await weightsOf(found.weights))['w']?.data).toEqual(Float32Array.of(7));
  expect(found?.file).toBeUndefined();
  writeFileSync(join(directory, 'model.txt'), 'no model');
  expect(await importOf({ model: { url: join(directory, 'model.txt'), format: 'onnx' } })).toBeUndefined();
  expect(await importOf({ model: { url: join(directory, 'nowhere.onnx'), format: 'onnx' } })).toBeUndefined();
});

test('two updates become their weighted mean, as weights and in the model file; again, and the digest is the same', async () => {
  const input = await round();
  const result = await run(input);
  const global = await weightsOf(input.weights);
  expect(await weightsOf(result.weights)).toEqual(filled(global, 2));
  const file = join(directory, 'next.onnx');
  await blobs.fetchTo(result.file as BlobRef, file);
  const estimator = new OnnxEstimator({
    model: file,
    loss: 'softmaxCrossEntropy',
    optimizer: { name: 'sgd', learningRate: 1 },
  });
  expect(await estimator.getWeights()).toEqual(filled(global, 2));
  await estimator.close();
  expect(await run(input)).toEqual(result);
  expect(readdirSync(join(stateDir, 'scratch'))).toEqual([]);
});

test.each([
  [{ name: 'FedSum', parameters: {} }, /^spec\.aggregation\.strategy: "FedSum" is unknown; there are .*FedAvg/],
  [{ name: 'FedAvg', parameters: { beta: 1 } }, /^spec\.aggregation\.parameters\.beta: /],
])('a strategy that cannot be is InvalidSpec and names the field: %j', async (strategy, message) => {
  await expect(run(await round({ strategy }))).rejects.toMatchObject({
    type: 'InvalidSpec',
    nonRetryable: true,
    message: expect.stringMatching(message) as unknown,
  });
});

test('the aggregating process is killed: another one gives the same', async () => {
  const input = await round();
  const undisturbed = await run(input);
  const pids = freeze();
  const disturbed = run(input);
  await eventually(() => expect(readdirSync(join(stateDir, 'scratch'))).toHaveLength(1));
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  expect(await disturbed).toEqual(undisturbed);
  expect(children().filter(({ pid }) => pids.includes(pid))).toEqual([]);
});

test('cancelled: the process is gone, and nothing is left over', async () => {
  const input = await round();
  await run(input);
  freeze();
  const cancelled = run(input).catch((error: Error) => error.name);
  await eventually(() => expect(readdirSync(join(stateDir, 'scratch'))).toHaveLength(1));
  environment.cancel('CANCELLED');
  expect(await cancelled).toBe('CancelledFailure');
  await eventually(() => expect(children()).toEqual([]));
  await eventually(() => expect(readdirSync(join(stateDir, 'scratch'))).toEqual([]));
});

test('an accepted update that the blob store has lost is named, for its client to be asked again', async () => {
  const input = await round();
  const blob = await blobOf(ofOne(12345));
  rmSync(fileURLToPath(blob.uri));
  const lost = { ...input, updates: [...input.updates, update('02', blob, 1)] };
  await expect(run(lost)).rejects.toMatchObject({
    type: 'UpdatesMissing',
    nonRetryable: true,
    details: [[blob.sha256]],
  });
});

test.each([
  ['the weights of a round', async () => ({ round: 2, weights: await gone() })],
  ['a live version', async () => ({ url: modelFile, format: 'onnx', blob: await gone() })],
])('%s that cannot be read: tried again, and told to the job once it lasts', async (what, of) => {
  const teller = new Told();
  const here = createAggregateActivities({ node: 'edge-1', signaller: teller, stateDir, blobs });
  const listener = { workflowId: 'w', uid: 'u-1', slot: 'aggregator' };
  const given = await of();
  const attempt = (number: number): Promise<unknown> =>
    new MockActivityEnvironment({ attempt: number }, { logger: new DefaultLogger('ERROR') }).run(async () =>
      'weights' in given
        ? here.aggregate({ ...(await round()), ...given, listener })
        : here.importModel({ model: given, listener }),
    );
  for (const number of [1, 2, 3]) await expect(attempt(number)).rejects.toThrow(/is not in/);
  expect(teller.heard).toEqual([]);
  await expect(attempt(4)).rejects.toThrow(/is not in/);
  const message = expect.stringMatching(/^on edge-1: blob .* is not in/) as unknown;
  const value = {
    round: what === 'a live version' ? 0 : 2,
    node: 'edge-1',
    problem: { reason: 'BlobStoreUnreachable', message },
  };
  expect(teller.heard).toEqual([{ ...listener, value }]);
});

(noSmallDisks() === undefined ? test : test.skip)(
  'a full disk is told to the job, ever more rarely; with room it goes on',
  async () => {
    const place = join(directory, 'full');
    const disk = new SmallDisk(place, 4);
    try {
      const onFullDisk = createAggregateActivities({ node: 'edge-1', signaller: told, stateDir: place, blobs });
      const listener = { workflowId: 'w', uid: 'u-1', slot: 'aggregator' };
      const input = await round({ listener });
      const attempt = (number: number): Promise<AggregateResult> =>
        new MockActivityEnvironment({ attempt: number }).run(
          (given: AggregateInput) => onFullDisk.aggregate(given),
          input,
        );
      disk.fill();
      for (const number of [1, 2, 3]) {
        await expect(attempt(number)).rejects.toMatchObject({ type: 'DiskFull', nonRetryable: false });
      }
      const message = expect.stringMatching(/^on edge-1: no space left on this node/) as unknown;
      const once = { ...listener, value: { round: 1, node: 'edge-1', problem: { reason: 'DiskFull', message } } };
      expect(told.heard).toEqual([once, once]);
      disk.free();
      expect(await attempt(4)).toEqual(await run(input));
    } finally {
      disk.close();
    }
  },
);
