/** Follows docs/write-a-strategy.md with its own code. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  AggregateInput,
  AggregateResult,
  BlobRef,
  CheckStrategyInput,
  StrategyNeeds,
} from '../../activities/contracts.ts';
import { createAggregateActivities } from '../../activities/edge/aggregate.ts';
import { packageRoot } from '../../deploy/local/files.ts';
import { openBlobStore } from '../../sdk/storage/index.ts';
import { readWeights, writeWeights } from '../../sdk/tensors/index.ts';
import { readImages, readStrategies } from '../../workers/runtimes/process/images.ts';
import { Told } from '../support/told.ts';

const page = readFileSync(join(packageRoot(), 'docs', 'write-a-strategy.md'), 'utf8');
const blockOf = (language: string, index = 0): string =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs'))][index]?.[1] ?? '';

const directory = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'strategy-'));
const blobs = openBlobStore(join(directory, 'blobs'));
let environment: MockActivityEnvironment;
beforeEach(() => {
  environment = new MockActivityEnvironment(undefined, { logger: new DefaultLogger('ERROR') });
});
afterEach(() => environment.cancel('WORKER_SHUTDOWN'));

/** The node of somebody who has written this image list and this module. */
function nodeWith(module: string, list = blockOf('yaml')) {
  const place = mkdtempSync(join(directory, 'node-'));
  writeFileSync(join(place, 'strategies.mjs'), module);
  writeFileSync(join(place, 'images.yaml'), list);
  const strategies = readStrategies([join(place, 'images.yaml')]);
  const activities = createAggregateActivities({
    node: 'edge-1',
    signaller: new Told(),
    stateDir: join(place, 'state'),
    blobs,
    strategies,
  });
  return {
    list: join(place, 'images.yaml'),
    check: (name: string, parameters: CheckStrategyInput['parameters'] = {}): Promise<StrategyNeeds | undefined> =>
      environment.run((input: CheckStrategyInput) => activities.checkStrategy(input), { name, parameters }),
    aggregate: (input: AggregateInput): Promise<AggregateResult> =>
      environment.run((given: AggregateInput) => activities.aggregate(given), input),
  };
}

async function blob(...values: number[]): Promise<BlobRef> {
  const file = join(directory, 'values.safetensors');
  await writeWeights(file, { w: { shape: [values.length], data: Float32Array.from(values) } });
  return blobs.put({ file });
}
async function valuesOf(ref: BlobRef): Promise<number[]> {
  const file = join(directory, `${ref.sha256}.safetensors`);
  await blobs.fetchTo(ref, file);
  return [...((await readWeights(file))['w']?.data ?? [])];
}
async function round(strategy: string, parameters: CheckStrategyInput['parameters'] = {}): Promise<AggregateInput> {
  const update = async (client: string, samples: number, ...values: number[]) => ({
    ...{ client, node: 'edge-1', samples, metrics: {} },
    blob: await blob(...values),
  });
  return {
    owner: { kind: 'FederatedLearningJob', namespace: 'default', name: 'job', uid: 'u-1' },
    round: 1,
    strategy: { name: strategy, parameters },
    weights: await blob(0, 8),
    updates: [await update('00', 30, 4, 8), await update('01', 10, 8, 8)],
  };
}

describe('the strategy of the page', () => {
  test('aggregates as the page says, each time to the same digest', async () => {
    const node = nodeWith(blockOf('js'));
    await node.check('PartAvg', { step: 0.25 });
    const first = await node.aggregate(await round('PartAvg', { step: 0.25 }));
    // The mean is 5, and 8.
    expect(await valuesOf(first.weights)).toEqual([1.25, 8]);
    expect(first).toMatchObject({ left: [], metrics: {} });
    expect((await node.aggregate(await round('PartAvg', { step: 0.25 }))).weights).toEqual(first.weights);
    expect(readImages([node.list])).toEqual([]);
  });

  test('refuses parameters in its own words, and the job says which strategies there are', async () => {
    const node = nodeWith(blockOf('js'));
    await expect(node.check('PartAvg', { step: 2 })).rejects.toMatchObject({
      type: 'InvalidSpec',
      nonRetryable: true,
      message: 'spec.aggregation.parameters: step: must be above 0 and at most 1',
    });
    await expect(node.check('PartAverage')).rejects.toMatchObject({
      type: 'InvalidSpec',
      message: expect.stringMatching(
        /^spec.aggregation.strategy: "PartAverage" is unknown; there are Bulyan, FedAdagrad, .*, QFedAvg, PartAvg$/,
      ) as unknown,
    });
  });

  test('takes the parameters of the manifest of the page', () => {
    expect(blockOf('yaml', 1)).toBe('aggregation: { strategy: PartAvg, parameters: { step: 0.25 } }\n');
  });
});

describe('a module', () => {
  const strategy = (body: string): string => `export const strategies = { Mine: () => ({ aggregate: ${body} }) };`;

  test.each([
    ['export const other = {};', 'BadStrategyModule: .*strategies.mjs: exports no "strategies"'],
    ['export const strategies = { Mine: 7 };', 'strategies.Mine is no function'],
    ['export const strategies = { FedAvg: () => ({}) };', 'strategies.FedAvg: there is one of that name already'],
    ['export const strategies = { Mine: () => 7 };', 'strategy Mine of .* gives no object with a function aggregate'],
    ['this is no JavaScript', 'cannot be imported: '],
  ])('%s: the job names it, and jobs with strategies of the SDK go on', async (module, message) => {
    const node = nodeWith(module);
    await expect(node.check('Mine')).rejects.toMatchObject({
      type: 'WorkerFailed',
      nonRetryable: true,
      message: expect.stringMatching(message) as unknown,
    });
    await node.check('FedAvg');
  });

  test.each([
    ['async () => { throw new Error("out of luck") }', /StrategyFailed: strategy Mine of .*: out of luck/],
    ['() => { throw new Error("out of luck") }', /StrategyFailed: strategy Mine of .*: out of luck/],
    ['async () => ({})', /StrategyFailed: .*aggregate\(round\) gives no model/],
    [
      'async ({ updates, kernel, out }) => ({ model: await kernel.mean([updates[0].file], [1e39], out.model) })',
      /ResultNotFinite/,
    ],
  ])('whose aggregate is %s fails by name, once', async (body, message) => {
    await expect(nodeWith(strategy(body)).aggregate(await round('Mine'))).rejects.toMatchObject({
      type: 'WorkerFailed',
      nonRetryable: true,
      message: expect.stringMatching(message) as unknown,
    });
  });

  test('whose metrics are no numbers: the round counts, without them', async () => {
    const body =
      'async ({ updates, kernel, out }) => ({ model: await kernel.mean([updates[0].file], [1], out.model), ' +
      'metrics: { mean: 0 / 0, most: 1 / 0, word: "a", spread: 0.5 } })';
    const { metrics } = await nodeWith(strategy(body)).aggregate(await round('Mine'));
    expect(metrics).toEqual({ spread: 0.5 });
  });

  test('that an image list names and that is not there keeps the local controller from starting', () => {
    expect(() => nodeWith('', 'strategies: [gone.mjs]')).toThrow(/strategies: .*gone.mjs does not exist/);
    expect(() => nodeWith('', 'strategies: [7]')).toThrow(/strategies.0/);
  });
});
