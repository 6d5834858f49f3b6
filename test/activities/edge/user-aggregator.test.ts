/** A program of the user's own aggregates: a real one, written as the original's, in the real runtime. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Context } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AggregateInput, AggregateResult, AggregatorNews, BlobRef } from '../../../activities/contracts.ts';
import { createAggregateActivities } from '../../../activities/edge/aggregate.ts';
import { createFederatedResidents } from '../../../activities/edge/federated.ts';
import { tasksOfWorker } from '../../../activities/edge/tasks.ts';
import { createUserAggregators } from '../../../activities/edge/user-aggregator.ts';
import type { Weights } from '../../../sdk/index.ts';
import { DTYPE_BYTES, writeWeights, writing, type Dtype } from '../../../sdk/tensors/index.ts';
import { roundPlayer } from '../../../workers/lib/aggregator/player.ts';
import { eventually } from '../../support/eventually.ts';
import { FederatedNode, newPlace, type NodePlace } from '../support/federated-node.ts';

const directory = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'user-aggregator-'));
const support = join(import.meta.dirname, '../../workers/support');
const owner = { kind: 'FederatedLearningJob', namespace: 'default', name: 'job', uid: 'u-1' };
const name = 'job-aggregation-u-1';
const shapes: Record<string, number[]> = { 'a.bias': [3], 'a.weight': [2, 3], scale: [] };

/** Why an attempt is cancelled: its local controller ends, or nobody wants it any more. */
const [shutdown, unwanted] = [{ workerShutdown: true } as never, { cancelRequested: true } as never];

let place: NodePlace;
let node: FederatedNode;
const environments: MockActivityEnvironment[] = [];

const image = (match: string) => ({ image: match, dir: support, command: ['node', 'sedna-aggregator.ts'] });
const aNode = () => new FederatedNode(place, [image('test/aggregator'), image('kubeedge/sedna-example-*')]).start();

beforeEach(async () => {
  place = await newPlace();
  node = await aNode();
});
afterEach(async () => {
  for (const environment of environments.splice(0)) environment.cancel('WORKER_SHUTDOWN', shutdown);
  await node.close();
});

let files = 0;
async function blobOf(weights: Weights): Promise<BlobRef> {
  const file = join(directory, `${++files}.safetensors`);
  await writeWeights(file, weights);
  return node.blobs.put({ file });
}
async function blobOfType(dtype: Dtype): Promise<BlobRef> {
  const file = join(directory, `${++files}.safetensors`);
  const layouts = [
    { name: 'a.bias', dtype: 'F32' as const, shape: [3] },
    { name: 'a.weight', dtype, shape: [2, 3] },
  ];
  const bytes = (type: Dtype, count: number) => new Uint8Array(DTYPE_BYTES[type] * count);
  await writing(file, layouts, async (writer) => {
    await writer.write('a.bias', 0, bytes('F32', 3));
    await writer.write('a.weight', 0, bytes(dtype, 6));
  });
  return node.blobs.put({ file });
}
/** Numbers that no short decimal writes. */
function numbersFrom(seed: number): Weights {
  let at = seed;
  return Object.fromEntries(
    Object.entries(shapes).map(([tensor, shape]) => {
      const size = shape.reduce((product, length) => product * length, 1);
      return [tensor, { shape, data: Float32Array.from({ length: size }, () => Math.sin(++at * 12.9898) / 3) }];
    }),
  );
}

interface Change extends Partial<Omit<AggregateInput, 'aggregator'>> {
  env?: Record<string, string>;
  parameters?: AggregateInput['strategy']['parameters'];
  of?: string;
  run?: string;
}

async function round(number: number, change: Change = {}): Promise<AggregateInput> {
  const { env = {}, parameters = {}, of = 'test/aggregator:v1', run = 'run-1', ...rest } = change;
  const samples = [30, 7, 100];
  const updates = await Promise.all(
    samples.map(async (count, i) => ({
      ...{ client: `0${i}`, node: 'edge-1', samples: count, metrics: {} },
      blob: await blobOf(numbersFrom(1000 * number + 100 * i)),
    })),
  );
  const variables = Object.entries(env).map(([key, value]) => ({ name: key, value }));
  const template = { spec: { containers: [{ image: of, env: variables }] } };
  const count = (rest.updates ?? updates).length;
  return {
    owner,
    round: number,
    strategy: { name: 'Worker', parameters: { timeoutSeconds: 60, ...parameters } },
    weights: await blobOf(numbersFrom(1)),
    updates,
    aggregator: {
      worker: {
        name,
        owner,
        stage: 'Aggregation',
        manifest: await node.blobs.put(JSON.stringify({ spec: { aggregationWorker: { template } } })),
        template: 'spec.aggregationWorker.template',
        env: { JOB_NAME: 'job', PARTICIPANTS_COUNT: String(count) },
        revision: String(count),
      },
      run,
    },
    listener: { workflowId: 'w', uid: 'u-1', slot: 'aggregator' },
    ...rest,
  };
}

function activities() {
  return createAggregateActivities({
    ...node.deps,
    aggregators: createUserAggregators({ ...node.deps, player: roundPlayer }),
  });
}
function environmentOf(attempt: number): MockActivityEnvironment {
  const environment = new MockActivityEnvironment({ attempt }, { logger: new DefaultLogger('ERROR') });
  environments.push(environment);
  return environment;
}
const aggregate = (input: AggregateInput, attempt = 1): Promise<AggregateResult> =>
  environmentOf(attempt).run((given: AggregateInput) => activities().aggregate(given), input);
const fedAvg = async ({ aggregator: _, ...input }: AggregateInput): Promise<BlobRef> =>
  (await aggregate({ ...input, strategy: { name: 'FedAvg', parameters: {} } })).weights;
const log = (): string => readFileSync(join(node.stateDir, 'logs', `${name}.log`), 'utf8');
const lives = (): number => log().match(/waits for/g)?.length ?? 0;
const problems = () => (node.news as unknown as AggregatorNews[]).flatMap(({ problem }) => problem?.reason ?? []);

test('the mean of three updates is that of FedAvg, to the bit; one process serves the rounds of a run', async () => {
  const one = await round(1, { env: { exit_round: '2' } });
  const first = await aggregate(one);
  expect(first.weights).toEqual(await fedAvg(one));
  expect(first.finished).toBeUndefined();
  expect(log()).toMatch(/update of 00\nupdate of 01\nupdate of 02\nround 1 of 3 updates/);
  const pid = node.runtime.get(name)?.pid;
  const two = await round(2, { env: { exit_round: '2' }, weights: first.weights });
  const second = await aggregate(two);
  expect(second).toMatchObject({ weights: await fedAvg(two), finished: true });
  expect(node.runtime.get(name)?.pid).toBe(pid);
  expect(lives()).toBe(1);
  // The same again is not asked again.
  expect(await aggregate(two)).toEqual(second);
  expect(log().match(/update of/g)).toHaveLength(6);
  const residents = createFederatedResidents(node.deps);
  await environmentOf(1).run(() =>
    residents.dismissClients({ run: 'run-1', workers: [], aggregator: { worker: name, finished: false } }),
  );
  expect(node.runtime.get(name)).toBeUndefined();
});

test('another run, a round that is not the next one, another count of updates: it begins anew', async () => {
  await aggregate(await round(1));
  await aggregate(await round(1, { run: 'run-2' }));
  expect(lives()).toBe(2);
  await aggregate(await round(3, { run: 'run-2' }));
  expect(lives()).toBe(3);
  const four = await round(4, { run: 'run-2' });
  const fewer = await round(4, { run: 'run-2', updates: four.updates.slice(1) });
  expect((await aggregate(fewer)).weights).toEqual(await fedAvg(fewer));
  expect(lives()).toBe(4);
  expect(log()).toMatch(/waits for 2 clients\nupdate of 01\nupdate of 02\nround 1 of 2/);
});

test.each([
  ['NaN', '[[NaN,1,1],[[1,1,1],[1,1,1]],1]', 'AggregateInvalid', /layer 0 \(a\.bias\) is not finite: element 0 is NaN/],
  [
    'a shape',
    '[[1,1,1],[1,1,1,1,1,1],1]',
    'AggregateInvalid',
    /layer 1 \(a\.weight\) has the shape \[6\]; the model's is \[2, 3\]/,
  ],
  ['a count', '[[1,1,1]]', 'AggregateInvalid', /answered with 1 layers; the model has 3/],
  ['ragged lists', '[[1,[1],1]]', 'AggregateInvalid', /its weights are no model: layer 0/],
  ['no JSON', '[[1,,1]]', 'AggregatorFailed', /sent a message that cannot be read: not JSON/],
  ['nothing', 'silent', 'AggregatorFailed', /it has not answered the 3 updates within 6 s/],
  [
    'its end',
    'die',
    'AggregatorFailed',
    /the aggregator ended before it had answered: .*exit code 3; last lines: .*round 1 of 3/s,
  ],
])(
  '%s instead of weights: a reason, told once; the next try is a new process and the same bits',
  async (_what, breaks, type, message) => {
    const once = join(directory, 'once');
    rmSync(once, { force: true });
    const env = { BREAK: JSON.stringify({ 1: breaks }), BREAK_ONCE: once };
    const input = await round(1, { env, parameters: { timeoutSeconds: breaks === 'silent' ? 6 : 60 } });
    await expect(aggregate(input)).rejects.toMatchObject({
      type,
      nonRetryable: false,
      message: expect.stringMatching(message) as unknown,
    });
    expect(problems()).toEqual([type]);
    const again =
      breaks === 'silent' ? { ...input, strategy: { ...input.strategy, parameters: { timeoutSeconds: 60 } } } : input;
    expect((await aggregate(again, 2)).weights).toEqual(await fedAvg(input));
    expect(existsSync(once)).toBe(true);
    expect(lives()).toBe(2);
  },
);

test('another attempt comes while the first is at it: that ends before the other begins', async () => {
  const once = join(directory, 'once');
  rmSync(once, { force: true });
  const input = await round(1, { env: { BREAK: JSON.stringify({ 1: 'silent' }), BREAK_ONCE: once } });
  const node = activities();
  const [first, second] = [environmentOf(1), environmentOf(2)];
  const given = (environment: MockActivityEnvironment): Promise<AggregateResult> =>
    environment.run((one: AggregateInput) => node.aggregate(one), input);
  const cancelled = given(first).catch((error: Error) => error.name);
  await eventually(() => expect(log()).toMatch(/round 1 of 3 updates: silent/), 30_000);
  const again = given(second);
  expect(lives()).toBe(1);
  first.cancel('CANCELLED');
  expect(await cancelled).toBe('CancelledFailure');
  expect((await again).weights).toEqual(await fedAvg(input));
  expect(lives()).toBe(2);
});

/** As in a local controller, but it is seen how it ends behind the cancellation. */
function attempt(input: AggregateInput): { environment: MockActivityEnvironment; ended: Promise<unknown> } {
  const environment = environmentOf(1);
  const aggregators = createUserAggregators({ ...node.deps, player: roundPlayer });
  const { aggregator } = input;
  if (aggregator === undefined) throw new Error('no aggregator');
  const scratch = mkdtempSync(join(directory, 'scratch-'));
  const ended = environment
    .run(() => aggregators.aggregate(input, aggregator, { scratch, signal: Context.current().cancellationSignal }))
    .catch((error: unknown) => error);
  return { environment, ended };
}
const journal = () => join(tasksOfWorker(node.stateDir, owner, name), 'round.json');

test('given up while the process before is being stopped: none is started', async () => {
  const stubborn = { STUBBORN: 'yes' };
  await aggregate(await round(1, { env: stubborn }));
  const pid = node.runtime.get(name)?.pid;
  const pids = new Set<number | undefined>();
  const leave = node.runtime.watch(name, (view) => pids.add(view?.pid));
  const { environment, ended } = attempt(await round(1, { env: stubborn, run: 'run-2' }));
  await eventually(() => expect(log()).toContain('it does not end'), 30_000);
  environment.cancel('CANCELLED', unwanted);
  expect(await ended).toMatchObject({ name: 'CancelledFailure' });
  leave();
  expect(node.runtime.get(name)).toBeUndefined();
  expect([...pids].filter((one) => one !== undefined)).toEqual([pid]);
  // The journal is still that of the run before.
  expect(JSON.parse(readFileSync(journal(), 'utf8'))).toMatchObject({ run: 'run-1', result: {} });
});

test('given up after whoever stops aggregators has been here: it is stopped, and its journal is gone', async () => {
  const { environment, ended } = attempt(await round(1, { env: { BREAK: JSON.stringify({ 1: 'silent' }) } }));
  await eventually(() => expect(log()).toMatch(/round 1 of 3 updates: silent/), 30_000);
  environment.cancel('CANCELLED', unwanted);
  expect(await ended).toMatchObject({ name: 'CancelledFailure' });
  expect(node.runtime.get(name)).toBeUndefined();
  expect(existsSync(journal())).toBe(false);
  expect(problems()).toEqual([]);
});

test('what always fails is told at tries 1, 2, 4', async () => {
  const input = await round(1, { env: { BREAK: JSON.stringify({ 1: 'die' }) } });
  for (const attempt of [1, 2, 3, 4]) await expect(aggregate(input, attempt)).rejects.toThrow('exit code 3');
  expect(problems()).toHaveLength(3);
});

test('a message that is more than it takes is refused with its words', async () => {
  await expect(aggregate(await round(1, { env: { ws_size: '100' } }))).rejects.toMatchObject({
    type: 'AggregatorFailed',
    message: expect.stringMatching(/to client 00: it closed the connection with 1009/) as unknown,
  });
});

test('the local controller ends while it waits: its successor adopts nothing half done and gives the same', async () => {
  const once = join(directory, 'once');
  rmSync(once, { force: true });
  const input = await round(1, { env: { BREAK: JSON.stringify({ 1: 'silent' }), BREAK_ONCE: once } });
  const interrupted = aggregate(input).catch((error: Error) => error.name);
  await eventually(() => expect(log()).toMatch(/round 1 of 3 updates: silent/), 30_000);
  const pid = node.runtime.get(name)?.pid;
  for (const environment of environments.splice(0)) environment.cancel('WORKER_SHUTDOWN', shutdown);
  expect(await interrupted).toBe('CancelledFailure');
  await node.stop();
  node = await aNode();
  expect(node.runtime.get(name)?.pid).toBe(pid);
  expect((await aggregate(input, 2)).weights).toEqual(await fedAvg(input));
  expect(node.runtime.get(name)?.pid).not.toBe(pid);
  // Between two rounds it is taken over as it is.
  const [kept, next] = [node.runtime.get(name)?.pid, await round(2)];
  await node.stop();
  node = await aNode();
  expect((await aggregate(next)).weights).toEqual(await fedAvg(next));
  expect(node.runtime.get(name)?.pid).toBe(kept);
});

test('killed in the middle of a round, it is said, and played again', async () => {
  const once = join(directory, 'once');
  rmSync(once, { force: true });
  const input = await round(1, { env: { BREAK: JSON.stringify({ 1: 'silent' }), BREAK_ONCE: once } });
  const killed = aggregate(input).catch((error: Error) => error.message);
  await eventually(() => expect(log()).toMatch(/round 1 of 3 updates: silent/), 30_000);
  process.kill(node.runtime.get(name)?.pid ?? 0, 'SIGKILL');
  expect(await killed).toMatch(/the aggregator ended before it had answered: .*killed by SIGKILL/);
  expect((await aggregate(input, 2)).weights).toEqual(await fedAvg(input));
});

/** Processes of this one that play rounds. */
function playing(): number[] {
  const children = readdirSync('/proc/self/task').flatMap((thread) =>
    readFileSync(`/proc/self/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
  return children.filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('play-round'));
}

test('the process that plays is killed: the same aggregator is not told the round again', async () => {
  const once = join(directory, 'once');
  rmSync(once, { force: true });
  const input = await round(1, { env: { BREAK: JSON.stringify({ 1: 'silent' }), BREAK_ONCE: once } });
  const killed = aggregate(input).catch((error: unknown) => error);
  await eventually(() => expect(log()).toMatch(/round 1 of 3 updates: silent/), 30_000);
  for (const pid of playing()) process.kill(pid, 'SIGKILL');
  expect(await killed).toMatchObject({
    type: 'AggregatorFailed',
    nonRetryable: false,
    message: expect.stringMatching(
      /the process "play-round" of the local controller ended: killed by SIGKILL/,
    ) as unknown,
  });
  expect(problems()).toEqual(['AggregatorFailed']);
  expect((await aggregate(input, 2)).weights).toEqual(await fedAvg(input));
  expect(lives()).toBe(2);
  expect(log()).not.toContain('round 2 of');
});

test.each(['F64', 'I32'] as const)(
  'a model in %s is refused by name before the aggregator hears of it',
  async (dtype) => {
    const weights = await blobOfType(dtype);
    const updates = [{ client: '00', node: 'edge-1', samples: 1, metrics: {}, blob: weights }];
    await expect(aggregate(await round(1, { weights, updates }))).rejects.toMatchObject({
      type: 'InvalidSpec',
      nonRetryable: true,
      message: expect.stringMatching(
        new RegExp(`spec\\.aggregation\\.strategy: Worker: tensor "a\\.weight": is ${dtype};`),
      ) as unknown,
    });
    expect(log()).not.toContain('update of');
  },
);

test.each([
  [
    'an image that the node does not know',
    { of: 'test/unknown:v1' },
    'ImageNotAllowed',
    /image test\/unknown:v1 is not in the allowlist/,
  ],
  [
    'an image of the second version',
    { of: 'kubeedge/sedna-example-federated-learning-mistnet-yolo-aggregator:v0.4.0' },
    'InvalidTemplate',
    /aggregates with Plato \(AggregationServerV2\)/,
  ],
  [
    'a parameter that it does not have',
    { parameters: { momentum: 1 } },
    'InvalidSpec',
    /spec\.aggregation\.parameters\.momentum: is no parameter/,
  ],
  [
    'no name of a class',
    { parameters: { aggregation: 'a b' } },
    'InvalidSpec',
    /spec\.aggregation\.parameters\.aggregation: must be the name/,
  ],
])('%s is refused before anybody trains', async (_what, change: Change, type, message) => {
  const { strategy, aggregator } = await round(1, change);
  const check = environmentOf(1).run(() =>
    activities().checkStrategy({ ...strategy, ...(aggregator && { worker: aggregator.worker }) }),
  );
  await expect(check).rejects.toMatchObject({
    type,
    nonRetryable: true,
    message: expect.stringMatching(message) as unknown,
  });
});

test('an aggregator of another class is named', async () => {
  await expect(aggregate(await round(1, { env: { AGGREGATION: 'Mine' } }))).rejects.toThrow(
    /it answers "HTTP\/1\.1 400 Bad Request" at \/FedAvg: spec\.aggregation\.parameters\.aggregation must be/,
  );
  const input = await round(1, { env: { AGGREGATION: 'Mine' }, parameters: { aggregation: 'Mine' } });
  expect((await aggregate(input)).weights).toEqual(await fedAvg(input));
});
