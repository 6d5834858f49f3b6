import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { appendFileSync, mkdtempSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AwaitTriggerInput, PrepareSamplesInput, SampleSet } from '../../../activities/contracts.ts';
import { createDatasetActivities, type DatasetActivities } from '../../../activities/edge/dataset.ts';
import { DatasetIndex } from '../../../activities/edge/lib/dataset-index.ts';
import { DatasetWatchers } from '../../../activities/edge/lib/dataset-watcher.ts';
import { openBlobStore } from '../../../sdk/storage/index.ts';
import { startCursor, trains, trainSamples, type Cursor, type Take } from '../../../workflows/lib/samples.ts';
import type { ObservedMessage } from '../../../workflows/lib/messages.ts';
import { eventually } from '../../support/eventually.ts';

let directory: string;
let file: string;
let activities: DatasetActivities;
let news: ObservedMessage[];
let environments: MockActivityEnvironment[];
beforeEach(() => {
  directory = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'dataset-'));
  file = join(directory, 'data.txt');
  news = [];
  environments = [];
  activities = createDatasetActivities({
    blobs: openBlobStore(join(directory, 'blobs')),
    watchers: new DatasetWatchers(),
    signaller: { observed: async (_id, message) => void news.push(message), runs: () => Promise.resolve(true) },
  });
});
afterEach(() => environments.forEach((environment) => environment.cancel()));

function run<A extends unknown[], R>(activity: (...args: A) => Promise<R>, ...args: A): Promise<R> {
  const environment = new MockActivityEnvironment(undefined, { logger: new DefaultLogger('ERROR') });
  environments.push(environment);
  return environment.run(activity, ...args);
}

const lines = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => `s${from + i}\n`).join('');
const listener = { workflowId: 'w', uid: 'u', slot: 'trigger' };
const awaiting = (change: Partial<AwaitTriggerInput> = {}): AwaitTriggerInput => ({
  listener,
  dataset: { url: file, format: 'txt' },
  cursor: startCursor,
  trainProb: 0.8,
  trigger: { condition: { operator: '>=', metric: 'num_of_samples', threshold: 8 } },
  ...change,
});
const listenerNews = { slot: 'trigger', uid: 'u' };
const newest = () => news.at(-1)?.value;

test('waits, says what for, and fires when there is enough', async () => {
  writeFileSync(file, lines(0, 5));
  const result = run(activities.awaitTrigger, awaiting());
  await eventually(() => expect(newest()).toEqual({ value: 4, fresh: 5, windowOpen: true }));
  appendFileSync(file, lines(5, 10));
  const { take, restarted } = await result;
  expect({ take, restarted }).toMatchObject({
    take: { from: 0, trainSamples: 8, to: { samples: 10 } },
    restarted: false,
  });
  const index = new DatasetIndex({ url: file, format: 'txt' });
  await index.refresh();
  expect(take?.to.digest).toBe(await index.digestAt(10));
});

test('a missing file is said, and its appearance is noticed', async () => {
  const result = run(activities.awaitTrigger, awaiting());
  await eventually(() => expect(newest()).toMatchObject({ problem: { reason: 'DatasetUnreadable' } }));
  writeFileSync(file, lines(0, 10));
  expect((await result).take?.trainSamples).toBe(8);
});

test('manual: at once, or nothing new', async () => {
  writeFileSync(file, lines(0, 2));
  expect(await run(activities.awaitTrigger, awaiting({ manual: true }))).toMatchObject({ take: { trainSamples: 1 } });
  const index = new DatasetIndex({ url: file, format: 'txt' });
  await index.refresh();
  const cursor = { samples: 2, digest: (await index.digestAt(2)) ?? '' };
  expect(await run(activities.awaitTrigger, awaiting({ manual: true, cursor }))).toEqual({ restarted: false });
  // New ones that would all evaluate are no samples to train with, but new.
  expect(await run(activities.awaitTrigger, awaiting({ manual: true, trainProb: 0.1 }))).toEqual({
    restarted: false,
    evaluateOnly: 2,
  });
});

test('after a failure only more samples fire', async () => {
  writeFileSync(file, lines(0, 10));
  let fired = false;
  const result = run(activities.awaitTrigger, awaiting({ beyond: 10 })).finally(() => (fired = true));
  await eventually(() => expect(newest()).toMatchObject({ value: 8 }));
  expect(fired).toBe(false);
  appendFileSync(file, lines(10, 11));
  expect((await result).take?.to.samples).toBe(11);
});

test('a replaced file is told at once', async () => {
  writeFileSync(file, lines(0, 4));
  const cursor: Cursor = { samples: 3, digest: 'of other samples' };
  expect(await run(activities.awaitTrigger, awaiting({ cursor }))).toEqual({ restarted: true });
});

test('a last line that is completed after it was counted is the same sample, not another dataset', async () => {
  const index = new DatasetIndex({ url: file, format: 'txt' });
  writeFileSync(file, `${lines(0, 9)}s9`);
  const old = new Date(Date.now() - 60_000);
  utimesSync(file, old, old);
  const first = await run(activities.awaitTrigger, awaiting());
  expect(first.take).toMatchObject({ from: 0, trainSamples: 8, to: { samples: 10 } });
  const cursor = first.take?.to as Cursor;
  appendFileSync(file, ' of class 3\n');
  const prepared = await run(activities.prepareSamples, {
    dataset: { url: file, format: 'txt' },
    take: first.take as Take,
    trainProb: 0.8,
    outputDir: join(directory, 'out'),
    round: 1,
    evalSets: [],
  });
  expect(readFileSync(prepared.trainUrl, 'utf8')).toContain('s9 of class 3\n');
  appendFileSync(file, lines(10, 20));
  const second = await run(activities.awaitTrigger, awaiting({ cursor }));
  expect(second).toMatchObject({ restarted: false, take: { from: 10, trainSamples: 8, to: { samples: 20 } } });
  await index.refresh();
  expect(second.take?.to).toEqual({ samples: 20, digest: await index.digestAt(20) });
});

test('outside the window it waits, and says that the window is closed', async () => {
  writeFileSync(file, lines(0, 10));
  const minute = (offset: number) => new Date(Date.now() + offset * 60_000).toISOString().slice(11, 16);
  const { trigger } = awaiting();
  const closed = { ...trigger, timer: { start: minute(120), end: minute(180) } };
  const environment = new MockActivityEnvironment(undefined, { logger: new DefaultLogger('ERROR') });
  const result = environment.run(activities.awaitTrigger, awaiting({ trigger: closed }));
  await eventually(() => expect(newest()).toEqual({ value: 8, fresh: 10, windowOpen: false }));
  environment.cancel();
  await expect(result).rejects.toMatchObject({ name: 'CancelledFailure' });
});

test('listeners of one file share one reader, and the last one closes it', async () => {
  writeFileSync(file, lines(0, 3));
  const counting = { listener: { ...listener, slot: 'watch' }, dataset: { url: file, format: 'txt' } };
  const [one, two] = [
    new MockActivityEnvironment(undefined, { logger: new DefaultLogger('ERROR') }),
    new MockActivityEnvironment(undefined, { logger: new DefaultLogger('ERROR') }),
  ];
  const ends = [one, two].map((environment) => environment.run(activities.watchDataset, counting).catch(() => 'ended'));
  await eventually(() => expect(news.map(({ value }) => value)).toEqual([{ samples: 3 }, { samples: 3 }]));
  one.cancel();
  two.cancel();
  expect(await Promise.all(ends)).toEqual(['ended', 'ended']);
});

async function takeUpTo(samples: number, from: number, trainProb: number, format = 'txt') {
  const index = new DatasetIndex({ url: file, format });
  await index.refresh();
  const to = { samples, digest: (await index.digestAt(samples)) ?? '' };
  return { from, to, trainSamples: trainSamples(from, samples, trainProb) };
}

test('over many rounds each sample trains or evaluates, exactly once; five evaluation sets are kept', async () => {
  const trainProb = 0.7;
  const ends = [3, 4, 11, 20, 23, 40, 41];
  const trained: string[] = [];
  let evalSets: SampleSet[] = [];
  writeFileSync(file, '');
  for (const [i, end] of ends.entries()) {
    const from = ends[i - 1] ?? 0;
    appendFileSync(file, lines(from, end));
    const input: PrepareSamplesInput = {
      dataset: { url: file, format: 'txt' },
      take: await takeUpTo(end, from, trainProb),
      trainProb,
      outputDir: join(directory, 'out'),
      round: i + 1,
      evalSets,
    };
    const prepared = await run(activities.prepareSamples, input);
    expect(await run(activities.prepareSamples, input)).toEqual(prepared);
    const read = (path: string) => readFileSync(path, 'utf8').split('\n').filter(Boolean);
    trained.push(...read(prepared.trainUrl));
    if (prepared.evaluation) evalSets = [...evalSets, prepared.evaluation].slice(-5);
    expect(read(prepared.evalUrl)).toHaveLength(prepared.evalSamples);
    expect(prepared.evalSamples).toBe(evalSets.reduce((sum, set) => sum + set.samples, 0));
    expect(prepared.trainUrl).toBe(join(directory, 'out', 'data', 'train', String(i + 1), 'data.txt'));
  }
  const wanted = Array.from({ length: 41 }, (_, i) => i).filter((i) => trains(i, trainProb));
  expect(trained).toEqual(wanted.map((i) => `s${i}`));
  expect(evalSets).toHaveLength(5);
});

test('an edit in place that the count did not notice is noticed by the round, and counting begins anew', async () => {
  writeFileSync(file, lines(0, 200));
  const index = new DatasetIndex({ url: file, format: 'txt' });
  await index.refresh();
  const cursor = { samples: 200, digest: (await index.digestAt(200)) ?? '' };
  const watched = { listener: { ...listener, slot: 'watch' }, dataset: { url: file, format: 'txt' } };
  void run(activities.watchDataset, watched).catch(() => undefined);
  await eventually(() => expect(newest()).toEqual({ samples: 200 }));
  const result = run(activities.awaitTrigger, awaiting({ cursor }));
  await eventually(() =>
    expect(news).toContainEqual({ ...listenerNews, value: { value: 0, fresh: 0, windowOpen: true } }),
  );
  // Same length, far from the end, and grown within one look: only reading everything tells.
  writeFileSync(file, `X0\n${lines(1, 202)}`);
  await eventually(() =>
    expect(news).toContainEqual({ ...listenerNews, value: { value: 1, fresh: 2, windowOpen: true } }),
  );
  const take = { from: 200, to: cursor, trainSamples: 0 };
  const input = {
    dataset: { url: file, format: 'txt' },
    take,
    trainProb: 0.8,
    outputDir: directory,
    round: 1,
    evalSets: [],
  };
  await expect(run(activities.prepareSamples, input)).rejects.toMatchObject({ type: 'DatasetReplaced' });
  expect(await result).toEqual({ restarted: true });
});

test('csv keeps its header and its embedded line ends, an array stays one', async () => {
  file = join(directory, 'data.csv');
  writeFileSync(file, 'x,y\n"a\nb",1\nc,2\n');
  const common = { trainProb: 0.5, outputDir: join(directory, 'out'), round: 1, evalSets: [] };
  const csv = await run(activities.prepareSamples, {
    ...common,
    dataset: { url: file, format: 'csv' },
    take: await takeUpTo(2, 0, 0.5, 'csv'),
  });
  expect([readFileSync(csv.trainUrl, 'utf8'), readFileSync(csv.evalUrl, 'utf8')]).toEqual([
    'x,y\nc,2\n',
    'x,y\n"a\nb",1\n',
  ]);
  file = join(directory, 'data.json');
  writeFileSync(file, '[{"a": 1}, {"a": 2}]');
  const json = await run(activities.prepareSamples, {
    ...common,
    dataset: { url: file, format: 'json' },
    take: await takeUpTo(2, 0, 0.5, 'json'),
  });
  expect(JSON.parse(readFileSync(json.trainUrl, 'utf8'))).toEqual([{ a: 2 }]);
});

test('samples that are no longer those that were counted are refused', async () => {
  writeFileSync(file, lines(0, 4));
  const take = await takeUpTo(4, 0, 0.5);
  writeFileSync(file, lines(10, 15));
  const input = {
    dataset: { url: file, format: 'txt' },
    take,
    trainProb: 0.5,
    outputDir: directory,
    round: 1,
    evalSets: [],
  };
  await expect(run(activities.prepareSamples, input)).rejects.toMatchObject({
    type: 'DatasetReplaced',
    nonRetryable: true,
  });
});

/** As of a round that has waited for a moment. */
function runFresh<A extends unknown[], R>(activity: (...args: A) => Promise<R>, ...args: A): Promise<R> {
  const info = { scheduledTimestampMs: Date.now() };
  const environment = new MockActivityEnvironment(info, { logger: new DefaultLogger('ERROR') });
  environments.push(environment);
  return environment.run(activity, ...args);
}

const preparing = (take: Take, change: Partial<PrepareSamplesInput> = {}): PrepareSamplesInput => ({
  listener: { ...listener, slot: 'round' },
  dataset: { url: file, format: 'txt' },
  take,
  trainProb: 0.5,
  outputDir: join(directory, 'out'),
  round: 1,
  evalSets: [],
  ...change,
});

/** As if nobody had written for longer than a pause of a writer. */
function rest(): void {
  const past = new Date(Date.now() - 15_000);
  utimesSync(file, past, past);
}

test('an index that is written anew in place keeps its cursor: only what was added is new', async () => {
  writeFileSync(file, lines(0, 10));
  const { to: cursor } = await takeUpTo(10, 0, 0.8);
  const result = run(activities.awaitTrigger, awaiting({ cursor }));
  await eventually(() => expect(newest()).toEqual({ value: 0, fresh: 0, windowOpen: true }));
  const watched = { listener: { ...listener, slot: 'watch' }, dataset: { url: file, format: 'txt' } };
  void run(activities.watchDataset, watched).catch(() => undefined);
  for (const samples of [0, 3, 9]) {
    writeFileSync(file, lines(0, samples));
    // Both have one reader: what it tells the one it has told the other.
    await eventually(() => expect(news).toContainEqual({ slot: 'watch', uid: 'u', value: { samples } }));
  }
  writeFileSync(file, lines(0, 21));
  expect(await result).toMatchObject({ restarted: false, take: { from: 10, to: { samples: 21 } } });
});

test('a file that has become shorter and rests is another one', async () => {
  writeFileSync(file, lines(0, 10));
  const { to: cursor } = await takeUpTo(10, 0, 0.8);
  writeFileSync(file, lines(0, 3));
  rest();
  expect(await run(activities.awaitTrigger, awaiting({ cursor }))).toEqual({ restarted: true });
});

test('a round whose index is being written anew waits for its samples, and says so', async () => {
  writeFileSync(file, lines(0, 10));
  const take = await takeUpTo(10, 0, 0.5);
  writeFileSync(file, lines(0, 4));
  await expect(runFresh(activities.prepareSamples, preparing(take))).rejects.toMatchObject({
    type: 'DatasetUnreadable',
    nonRetryable: false,
  });
  expect(newest()).toMatchObject({ stage: 'Train', heldUp: { reason: 'DatasetUnreadable' } });
  rest();
  await expect(runFresh(activities.prepareSamples, preparing(take))).rejects.toMatchObject({ type: 'DatasetReplaced' });
  writeFileSync(file, lines(0, 11));
  expect(await runFresh(activities.prepareSamples, preparing(take))).toMatchObject({ train: { samples: 5 } });
});

test.each([
  ['json', '{"a":1}\n{"a":2}\n', '{"half', '"never'],
  ['json', '{"a":1}\n{"a":2}\n', '{"bad}\n', '\n'],
  ['csv', 'x,y\n1,2\n3,4\n', '"open', ',5\n6,7'],
  ['txt', 'one\ntwo\n', Buffer.from('é').subarray(0, 1), '\n'],
])('what comes behind the samples of a round does not hinder it: %s', async (format, good, behind, more) => {
  writeFileSync(file, good);
  const take = await takeUpTo(2, 0, 0.5, format);
  const input = preparing(take, { dataset: { url: file, format } });
  const prepared = await run(activities.prepareSamples, input);
  appendFileSync(file, behind);
  expect(await run(activities.prepareSamples, input)).toEqual(prepared);
  appendFileSync(file, more);
  expect(await run(activities.prepareSamples, input)).toEqual(prepared);
});
