/** `sedna simulate` on the digits of the example: once and once refused as a person runs it, else in this process. */
import { beforeAll, expect, test } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../deploy/local/files.ts';
import { prepare } from '../../../examples/federated-learning/mnist/prepare.ts';
import { runCli, temporaryFolder, type CliResult } from '../../support/cli.ts';
import { simulateHere } from './support/here.ts';

const example = join(packageRoot(), 'examples', 'federated-learning', 'mnist');
const client = join(example, 'simulated-client.ts');
const cwd = temporaryFolder('simulate');
const testSet = join(cwd, 'data', 'test', 'index.txt');

interface Simulated {
  clients: number;
  rounds: { round: number; clients: number; refused: number; samples: number; digest: string; metrics: Metrics }[];
  files: string[];
}
type Metrics = Record<string, number>;

/** The example's manifest, with some text in the place of other. */
function manifest(name: string, ...changes: [string, string][]): string {
  const text = readFileSync(join(example, 'job.yaml'), 'utf8').replaceAll('/tmp/sedna-federated', join(cwd, 'data'));
  const file = join(cwd, name);
  writeFileSync(
    file,
    changes.reduce((done, [from, to]) => done.replaceAll(from, to), text),
  );
  return file;
}

const words = (file: string, more: string[]): string[] => ['-f', file, '--client', client, ...more];

/** As a person does. */
function start(file: string, ...more: string[]): Promise<CliResult> {
  return runCli(['simulate', ...words(file, more)], cwd);
}

/** By one thread, unless `more` says otherwise: each loads the estimator for itself. */
function run(file: string, ...more: string[]): Promise<CliResult> {
  return simulateHere(['--threads', '1', '--directory', join(cwd, 'simulation'), ...words(file, more)]);
}

async function simulated(file: string, ...more: string[]): Promise<Simulated> {
  const { code, stdout, stderr } = await run(file, '-o', 'json', ...more);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Simulated;
}

beforeAll(() => prepare(join(cwd, 'data')), 30_000);

test('divides the datasets among clients, tells each round, writes a table and a picture', async () => {
  const more = ['--clients', '12', '--partition', 'dirichlet:0.5', '--rounds', '3', '--test', testSet];
  const { code, stdout } = await start(manifest('some.yaml'), ...more);
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /^digits: 12 clients, FedAvg, at most 3 rounds\n(round \d\/3 {2}12 clients, 2400 samples .*\n){3}/,
  );
  const lines = readFileSync(join(cwd, 'simulation', 'rounds.csv'), 'utf8')
    .trim()
    .split('\n');
  expect(lines[0]).toBe('round,clients,refused,samples,accuracy,loss,test_accuracy,test_loss,seconds,digest');
  expect(lines).toHaveLength(4);
  const picture = readFileSync(join(cwd, 'simulation', 'test_accuracy.svg'), 'utf8');
  expect(picture).toMatch(/^<svg [^]*<path d="M[^]*<\/svg>\n$/);
}, 60_000);

test('any number of threads gives the same bits', async () => {
  const more = ['--clients', '6', '--rounds', '2'];
  const [one, two] = [
    await simulated(manifest('some.yaml'), ...more, '--threads', '1'),
    await simulated(manifest('some.yaml'), ...more, '--threads', '2'),
  ];
  expect(one.rounds.map(({ digest }) => digest)).toEqual(two.rounds.map(({ digest }) => digest));
}, 60_000);

test('selection, compression and strategy are those of the manifest', async () => {
  const file = manifest(
    'other.yaml',
    ['strategy: FedAvg', 'strategy: FedMedian'],
    ['rounds: { total: 5 }', 'rounds: { total: 2 }\n  clientSelection: { strategy: Random, perRound: 4, seed: 3 }'],
    ['evaluation: { every: 1, where: Clients }', 'updatePolicy: { compression: int8 }'],
  );
  const { rounds } = await simulated(file, '--clients', '10', '--partition', 'iid', '--test', testSet);
  expect(rounds.map(({ round, clients, samples }) => [round, clients, samples])).toEqual([
    [1, 4, 960],
    [2, 4, 960],
  ]);
  expect(rounds.at(-1)?.metrics['test_accuracy']).toBeGreaterThan(0.4);
}, 60_000);

test('a strategy of its own is taken from the module that holds it; without it the names that there are are told', async () => {
  const file = manifest('own.yaml', ['strategy: FedAvg', 'strategy: Frozen']);
  const module = join(cwd, 'frozen.ts');
  const kernel =
    'export const strategies = { Frozen: () => ({ aggregate: async ({ global, kernel, out }) => ({ model: await kernel.mean([global], [1], out.model) }) }) };\n';
  writeFileSync(module, kernel);
  const { rounds } = await simulated(file, '--rounds', '2', '--strategies', module);
  expect(rounds).toHaveLength(2);
  expect(rounds[1]?.digest).toBe(rounds[0]?.digest);
  const { code, stderr } = await run(file);
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringMatching(/"Frozen" is unknown; there are .*FedAvg, /),
  });
}, 60_000);

test('FedBuff: clients answer in the order in which they were asked, so that a repetition gives the same bits', async () => {
  const file = manifest('buffer.yaml', ['strategy: FedAvg', 'strategy: FedBuff, parameters: { bufferSize: 3 }']);
  const more = ['--clients', '4', '--rounds', '3', '--test', testSet];
  const [one, two] = [await simulated(file, ...more, '--threads', '2'), await simulated(file, ...more)];
  expect(one.rounds.map(({ clients, samples }) => [clients, samples])).toEqual(Array(3).fill([3, 1800]));
  expect(one.rounds.map(({ digest }) => digest)).toEqual(two.rounds.map(({ digest }) => digest));
  expect(one.rounds.at(-1)?.metrics['test_accuracy']).toBeGreaterThan(0.7);
  const { stderr } = await run(file, '--clients', '2', '--rounds', '1');
  expect(stderr).toMatch('spec.aggregation.parameters.bufferSize: 3 is more than the 2 clients');
}, 60_000);

test.each([
  ['MistNet', 'MistNet is not simulated: its clients train nothing'],
  ['Worker', 'Worker is not simulated: an image is run on the node that aggregates'],
])('%s is refused, with the reason', async (strategy, reason) => {
  const { code, stderr } = await run(
    manifest('refused.yaml', ['strategy: FedAvg', `strategy: ${strategy}`], ['total: 5', 'total: 1']),
  );
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringContaining(`spec.aggregation.strategy: ${reason}`),
  });
});

test.each([
  [['--seed', '1'], '--seed: needs --clients'],
  [['--strategies', 'nowhere.mjs'], '--strategies nowhere.mjs: there is no such file'],
  [['--clients', '5', '--partition', 'shards:100000000'], 'there are 2400 samples: at most shards:480'],
])('%j is refused by name', async (more, message) => {
  const { code, stderr } = await run(manifest('some.yaml'), ...more);
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
});

test('a choice by label is not simulated, one of nobody is named, and so is a metric that nobody reports', async () => {
  const choosing = (selection: string) =>
    manifest('choosing.yaml', [
      'rounds: { total: 5 }',
      `rounds: { total: 2 }\n  clientSelection: { strategy: ${selection} }`,
    ]);
  const labels = await run(choosing('ByLabel, parameters: { key: site }'));
  expect(labels.stderr).toContain('spec.clientSelection.strategy: ByLabel is not simulated');
  const nobody = await run(choosing('ByDataSize, parameters: { minSamples: 100000 }'));
  expect(nobody.stderr).toContain('round 2: spec.clientSelection: ByDataSize chooses nobody of 2 clients');
  const silent = await run(manifest('some.yaml'), '--rounds', '1', '--metric', 'acuracy');
  expect(silent.stderr).toContain(
    '--metric acuracy: no round reports it, so there is no picture; they report accuracy',
  );
  expect(silent.code).toBe(0);
}, 60_000);

test('judged centrally: the test data of the manifest gives the metrics that the job goes by', async () => {
  const file = manifest(
    'central.yaml',
    ['evaluation: { every: 1, where: Clients }', 'evaluation: { where: Central, dataset: { name: digits-test } }'],
    ['rounds: { total: 5 }', 'rounds: { total: 5, stopWhen: { metric: accuracy, operator: ">", threshold: 0.5 } }'],
    [
      '# Datasets, Model and job.',
      `apiVersion: sedna.io/v1alpha1\nkind: Dataset\nmetadata: { name: digits-test }\nspec: { url: ${testSet}, format: txt, nodeName: edge-1 }\n---\n#`,
    ],
  );
  const { rounds } = await simulated(file);
  expect(rounds).toHaveLength(1);
  expect(rounds[0]?.metrics).toEqual({ accuracy: expect.any(Number), loss: expect.any(Number) });
}, 60_000);

test.each<[string, string[], RegExp]>([
  ['no clients', ['--partition', 'iid'], /--partition: needs --clients/],
  ['no number', ['--clients', 'many'], /--clients many: a whole number is needed/],
  ['too many', ['--clients', '99999'], /2400 samples cannot be divided among 99999 clients/],
])('%s: refused, exit code 2', async (_, more, message) => {
  const { code, stderr } = await start(manifest('some.yaml'), ...more);
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) });
});

test('a manifest that lacks a Dataset, and a module that exports nothing, are named', async () => {
  const lacking = await run(
    manifest('lacking.yaml', ['metadata: { name: digits-edge-2 }', 'metadata: { name: other }']),
  );
  expect(lacking).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/trainingWorkers\[1\]\.dataset\.name: Dataset digits-edge-2/),
  });
  const start = ['rounds: { total: 5 }', 'startFrom: { job: other, round: 3 }'] as [string, string];
  const fork = await run(manifest('fork.yaml', start));
  expect(fork).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/spec\.startFrom: a simulation knows no other job/),
  });
  const module = join(cwd, 'empty.ts');
  writeFileSync(module, 'export {};\n');
  const empty = await simulateHere(['-f', manifest('some.yaml'), '--client', module]);
  expect(empty).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/must export the functions load\(url\) and estimator\(\)/),
  });
});
