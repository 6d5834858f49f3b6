import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { IncrementalLearning, readWorkerConfig, writeFileAtomic } from '../../../sdk/index.ts';
import type { IncrementalLearningOptions } from '../../../sdk/index.ts';
import { stripPrefix } from '../../../sdk/features/model-files.ts';
import { TestLocalController } from '../support/local-controller.ts';
import { until } from '../support/until.ts';
import { MeanEstimator } from './mean-estimator.ts';

let root: string;
let controller: TestLocalController;
let problems: Error[];
const opened: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'il-'));
  controller = await new TestLocalController().listen();
  problems = [];
});

afterEach(async () => {
  for (const feature of opened.splice(0)) await feature.close();
  await controller.close();
  await rm(root, { recursive: true });
});

type Options = Partial<IncrementalLearningOptions<number[], number, number>>;

function worker(environment: Record<string, string>, options: Options = {}) {
  const estimator = new MeanEstimator();
  const config = readWorkerConfig({
    LC_SERVER: controller.url,
    WORKER_NAME: 'worker-1',
    JOB_NAME: 'helmet',
    NAMESPACE: 'default',
    DATA_PATH_PREFIX: root,
    ...environment,
  });
  const feature = new IncrementalLearning({
    estimator,
    config,
    report: { attempts: 1 },
    onProblem: (problem) => problems.push(problem),
    ...options,
  });
  opened.push(feature);
  return { estimator, feature };
}

async function model(name: string, mean: unknown): Promise<string> {
  const file = path.join(root, name);
  await writeFileAtomic(file, JSON.stringify(mean));
  return file;
}

describe('train', () => {
  test('starts from the base model, saves to MODEL_URL and reports a path of the node', async () => {
    const { estimator, feature } = worker({
      MODEL_URL: path.join(root, 'train/1'),
      BASE_MODEL_URL: await model('base', 7),
    });
    const loaded: number[] = [];
    const train = estimator.train.bind(estimator);
    estimator.train = (...args) => {
      loaded.push(estimator.mean);
      return train(...args);
    };
    await feature.train([1, 2, 3], { validation: [], postProcess: () => loaded.push(estimator.mean) });
    expect(loaded).toEqual([7, 2]);
    expect(await readFile(path.join(root, 'train/1/model.onnx'), 'utf8')).toBe('2');
    expect(controller.reports).toEqual([
      {
        name: 'worker-1',
        namespace: 'default',
        ownerName: 'helmet',
        ownerKind: 'incrementallearningjob',
        kind: 'train',
        status: 'completed',
        results: [{ format: 'onnx', url: '/train/1/model.onnx', metrics: { loss: [0.5, 0.25], validated: [1] } }],
      },
    ]);
    expect(controller.progress.at(-1)).toMatchObject({ step: 3, total: 3 });
  });

  test('a worker that died resumes where it was', async () => {
    const environment = { MODEL_URL: path.join(root, 'out'), MODEL_NAME: 'helmet' };
    const first = worker(environment);
    first.estimator.crashAfter = 2;
    await expect(first.feature.train([1, 2, 6])).rejects.toThrow('out of memory');
    expect(controller.reports).toMatchObject([
      { kind: 'train', status: 'failed', message: 'out of memory', results: [] },
    ]);
    const second = worker(environment);
    expect(await second.feature.train([1, 2, 6])).toMatchObject({ format: '', url: '/out/helmet' });
    expect(second.estimator.startedAt).toBe(2);
    expect(second.estimator.mean).toBe(3);
    expect(await readdir(path.join(root, 'out'))).toEqual(['helmet']);
  });

  test.each([
    [{}, /MODEL_URL is not set/],
    [{ MODEL_URL: 's3://bucket/x' }, /"s3:\/\/" is not supported here/],
    [{ MODEL_URL: '/tmp/x', MODEL_NAME: '../../etc/x' }, /MODEL_NAME: must be a file name/],
  ])('%j fails with a report', async (environment, message) => {
    await expect(worker(environment).feature.train([1])).rejects.toThrow(message);
    expect(controller.reports[0]).toMatchObject({
      status: 'failed',
      message: expect.stringMatching(message) as unknown,
    });
  });

  test('an estimator that lacks a method is told so', async () => {
    const { feature } = worker({ MODEL_URL: root }, { estimator: {} });
    await expect(feature.train([1])).rejects.toThrow('the estimator has no train()');
  });

  test('the error of the training survives a local controller that is away', async () => {
    const { estimator, feature } = worker({ MODEL_URL: root }, { report: { refusedForMs: 0 } });
    estimator.crashAfter = 0;
    await controller.close();
    await expect(feature.train([1])).rejects.toThrow('out of memory');
    expect(problems[0]?.message).toMatch(/did not take the report/);
    await controller.listen();
  });
});

describe('evaluate', () => {
  test('judges the models in the order given', async () => {
    const urls = [await model('new.onnx', 2), await model('deployed.pb', 5)];
    const { feature } = worker({ MODEL_URLS: urls.join(';') });
    const postProcess = ({ error }: Record<string, number[]>) => ({ error: error ?? [], accuracy: [1] });
    await feature.evaluate([1, 3], { postProcess });
    expect(controller.reports).toMatchObject([
      {
        kind: 'eval',
        status: 'completed',
        results: [
          { format: 'onnx', url: '/new.onnx', metrics: { error: [1], accuracy: [1] } },
          { format: 'pb', url: '/deployed.pb', metrics: { error: [3], accuracy: [1] } },
        ],
      },
    ]);
  });

  test('names the model that cannot be loaded', async () => {
    const broken = await model('broken.onnx', 'x');
    const { feature } = worker({ MODEL_URLS: `${await model('new.onnx', 2)};${broken}` });
    await expect(feature.evaluate([1])).rejects.toThrow(`model ${broken} cannot be loaded: is not a number`);
    expect(controller.reports).toMatchObject([
      { kind: 'eval', status: 'failed', message: expect.stringContaining(broken) as unknown },
    ]);
  });
});

describe('inference', () => {
  test('gives the edge result, the processed one and whether it is hard', async () => {
    const hem = { HEM_NAME: 'CrossEntropy', HEM_PARAMETERS: '[{"key":"threshold_cross_entropy","value":"0.5"}]' };
    const { feature } = worker({ MODEL_URL: await model('m.onnx', 2), ...hem });
    const postProcess = (output: number) => [output / 10, 1 - output / 10];
    expect(await feature.inference(7, { postProcess })).toEqual({ edgeResult: 5, result: [0.5, 0.5], isHard: true });
    expect(await feature.inference(2, { postProcess })).toEqual({ edgeResult: 0, result: [0, 1], isHard: false });
    expect(await feature.inference(3)).toEqual({ edgeResult: 1, result: 1, isHard: false });
  });

  test('parameters in code win; a function may be the miner', async () => {
    const environment = {
      MODEL_URL: await model('m.onnx', 0),
      HEM_NAME: 'Random',
      HEM_PARAMETERS: '[{"key":"random_ratio","value":"0"}]',
    };
    const hard = async (options: Options) => (await worker(environment, options).feature.inference(1)).isHard;
    expect(await hard({})).toBe(false);
    expect(await hard({ hardExampleMining: { parameters: { random_ratio: 1 } } })).toBe(true);
    expect(await hard({ hardExampleMining: { name: 'CloudOnly' } })).toBe(true);
    expect(await hard({ hardExampleMining: () => true })).toBe(true);
    await expect(hard({ hardExampleMining: { name: 'None' } })).rejects.toThrow(/"None" is not registered/);
  });

  test('a model that comes late is loaded by the next call', async () => {
    const { feature } = worker({ MODEL_URL: path.join(root, 'late') });
    await expect(feature.inference(1)).rejects.toThrow(/late\/model.onnx cannot be loaded/);
    await writeFileAtomic(path.join(root, 'late/model.onnx'), '1');
    expect((await feature.inference(1)).edgeResult).toBe(0);
  });
});

describe('hot update', () => {
  // The poll is an hour away: only the file system's events can make these tests pass.
  const environment = async (pollSeconds = '3600') => ({
    MODEL_URL: await model('deployed.onnx', 0),
    MODEL_HOT_UPDATE: 'true',
    MODEL_HOT_UPDATE_CONFIG: path.join(root, 'model_config.json'),
    MODEL_POLL_PERIOD_SECONDS: pollSeconds,
  });

  const announce = (file: string, version: string) =>
    writeFileAtomic(
      path.join(root, 'model_config.json'),
      JSON.stringify({ model_config: { model_path: file, model_update_time: version } }),
    );

  test('swaps at once, reports, and answers requests all the time', async () => {
    const { feature } = worker(await environment());
    await feature.start();
    const answers = new Set<number>();
    let stop = false;
    const requests = (async () => {
      for (; !stop; await setImmediate()) answers.add((await feature.inference(10)).edgeResult);
    })();
    for (const version of [1, 2, 3]) {
      await announce(await model(`v${version}.onnx`, version), `t${version}`);
      await until(() => controller.reports.length === version);
    }
    stop = true;
    await requests;
    expect((await feature.inference(10)).edgeResult).toBe(7);
    expect([...answers].every((answer) => [10, 9, 8, 7].includes(answer))).toBe(true);
    expect(controller.reports.map(({ kind, status }) => `${kind} ${status}`)).toEqual(
      Array(3).fill('deploy completed'),
    );
  });

  test('a version that is already there is taken at the start, the same one only once', async () => {
    const file = await model('v1.onnx', 1);
    await announce(file, 't1');
    const { feature } = worker(await environment());
    await feature.start();
    await until(() => controller.reports.length === 1);
    await announce(file, 't1');
    await announce(await model('v2.onnx', 2), 't2');
    await until(() => controller.reports.length === 2);
    expect((await feature.inference(2)).edgeResult).toBe(0);
    expect(controller.reports).toHaveLength(2);
  });

  test('started again while the next model is put in place, it goes on with the one that it served', async () => {
    const served = await model('v1.onnx', 1);
    await announce(served, 't1');
    // MODEL_URL is the next model already, which nobody has announced yet.
    const { feature } = worker({ ...(await environment()), MODEL_URL: await model('deployed.onnx', 2) });
    await feature.start();
    expect((await feature.inference(10)).edgeResult).toBe(9);
    await until(() => controller.reports.length === 1);
    expect(controller.reports[0]).toMatchObject({
      kind: 'deploy',
      status: 'completed',
      results: [{ url: '/v1.onnx' }],
    });
    // An announced model that is gone is no reason not to serve.
    await announce(path.join(root, 'gone.onnx'), 't2');
    const other = worker({ ...(await environment()), MODEL_URL: await model('deployed.onnx', 2) });
    await other.feature.start();
    expect((await other.feature.inference(10)).edgeResult).toBe(8);
  });

  test('a model that cannot be loaded is reported and the present one kept', async () => {
    const { feature } = worker(await environment());
    await feature.start();
    const broken = await model('broken.onnx', 'x');
    await announce(broken, 't1');
    await until(() => controller.reports.length === 1);
    expect(controller.reports[0]).toMatchObject({
      kind: 'deploy',
      status: 'failed',
      message: expect.stringContaining(broken) as unknown,
    });
    expect((await feature.inference(5)).edgeResult).toBe(5);
  });

  test('a broken announcement is told and the next good one taken; nothing piles up', async () => {
    const { feature } = worker(await environment());
    await feature.start();
    await writeFile(path.join(root, 'model_config.json'), '{"model_config": {}}');
    await until(() => problems.length > 0);
    expect(problems[0]?.message).toMatch(/model_config.json cannot be used/);
    await announce(await model('v1.onnx', 1), 't1');
    await until(() => controller.reports.length === 1);
    expect((await readdir(root)).sort()).toEqual(['deployed.onnx', 'model_config.json', 'v1.onnx']);
  });

  test('the poll alone suffices: the directory appears later', async () => {
    const late = path.join(root, 'late');
    const configFile = path.join(late, 'model_config.json');
    const { feature } = worker({ ...(await environment('1')), MODEL_HOT_UPDATE_CONFIG: configFile });
    await feature.start();
    const config = { model_config: { model_path: await model('v1.onnx', 1), model_update_time: 't1' } };
    await writeFileAtomic(configFile, JSON.stringify(config));
    await until(() => controller.reports.length === 1);
    expect((await feature.inference(1)).edgeResult).toBe(0);
  });
});

test.each([
  ['/home/data/x', '/home/data', '/x'],
  ['/home/data/x', '/home/data/', '/x'],
  ['/home/database/x', '/home/data', '/home/database/x'],
  ['/x', '/', '/x'],
])('%s without %s is %s', (file, prefix, expected) => expect(stripPrefix(file, prefix)).toBe(expected));
