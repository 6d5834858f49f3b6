import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createDeployActivities } from '../../../activities/edge/deploy.ts';
import { keepFormer } from '../../../activities/edge/lib/former-file.ts';
import { hotUpdateDirectory, hotUpdateFile } from '../../../activities/edge/lib/hot-update.ts';
import { writeFileAtomic } from '../../../sdk/storage/index.ts';
import { isWorthTelling } from '../../../activities/edge/worker.ts';
import { modelFile, pruneModels } from '../../../activities/edge/model-files.ts';
import { isAlive, startTime } from '../../../workers/lib/process.ts';
import type { WorkerObservation } from '../../../activities/contracts.ts';
import { eventually } from '../../support/eventually.ts';
import { ProcessNode } from '../support/process-node.ts';

let node: ProcessNode;
beforeEach(async () => {
  node = await new ProcessNode().start();
});
afterEach(() => node.close());

const observed = () => node.news.at(-1)?.value as WorkerObservation;
async function pidOf(name: string): Promise<number> {
  return eventually(() => {
    const pid = node.runtime.get(name)?.pid;
    if (pid === undefined) throw new Error(`${name} does not run`);
    return pid;
  });
}

test('a training that reports: its models become blobs, and its start is told', async () => {
  const result = await node.run(await node.worker('trains'));
  const model = join(node.directory, 'model.onnx');
  expect(result).toMatchObject({
    node: 'edge-1',
    models: [{ format: 'onnx', url: model, metrics: { loss: [0.5] }, blob: { bytes: 7 } }],
  });
  const [{ blob } = {}] = result.models;
  expect(blob && (await node.blobs.read(blob)).toString()).toBe('weights');
  expect(node.news).toContainEqual({
    slot: 'round',
    uid: 'u-1',
    value: { running: true, round: 1, stage: 'Train', node: 'edge-1', worker: 'trains-train' },
  });
  // Again: the result stands, nothing is started a second time.
  const started = node.runtime.get('trains-train')?.startedAt;
  await node.run(await node.worker('trains'));
  expect(node.runtime.get('trains-train')?.startedAt).toBe(started);
});

test('a model reported as a file and as its directory, as the original does with TensorFlow: the file becomes a blob', async () => {
  const { models } = await node.run(await node.worker('reportsDirectoryToo'));
  expect(models).toEqual([
    expect.objectContaining({ format: 'pb', blob: expect.objectContaining({ bytes: 7 }) as unknown }),
    { format: 'ckpt', url: node.directory, metrics: { loss: [0.5] } },
  ]);
  await expect(node.run(await node.worker('reportsDirectory'))).rejects.toMatchObject({ type: 'ModelUnreadable' });
});

test.each([
  ['crashes', 'WorkerFailed', /crashes-train: exit code 3; last lines: first \| no GPU$/],
  ['silent', 'NoReport', /silent-train ended with exit code 0 but did not report/],
  ['fails', 'WorkerFailed', /fails-train: out of memory/],
] as const)('%s: %s', async (script, type, message) => {
  const failed = node.run(await node.worker(script));
  await expect(failed).rejects.toMatchObject({ type, nonRetryable: true, message: expect.stringMatching(message) });
});

test('killed from outside', async () => {
  const worker = await node.worker('hangs');
  const failed = expect(node.run(worker)).rejects.toMatchObject({
    type: 'WorkerFailed',
    message: 'hangs-train: killed by SIGKILL',
  });
  process.kill(await pidOf(worker.name), 'SIGKILL');
  await failed;
});

test('a report whose model is not there', async () => {
  const worker = await node.worker('trains', { env: { MODEL_FILE: '/dev/null/model.onnx' } });
  await expect(node.run(worker)).rejects.toMatchObject({ type: 'WorkerFailed' });
});

test('images that are not in the list, and templates that cannot be run', async () => {
  await expect(node.run(await node.worker('unknown'))).rejects.toMatchObject({
    type: 'ImageNotAllowed',
    message: expect.stringContaining('image test/unknown:v1 is not in the allowlist of this node') as unknown,
  });
  const bad = [
    [{ command: ['sh', '-c', 'id'] }, "the template's command is not allowed"],
    [{ env: [{ name: 'A', valueFrom: { secretKeyRef: {} } }] }, 'A uses valueFrom'],
    [{ image: '' }, 'spec.trainSpec.template.spec.containers.0.image'],
    [{ ports: [{ containerPort: 70_000 }] }, 'containers.0.ports.0.containerPort'],
  ] as const;
  for (const [container, message] of bad) {
    await expect(node.run(await node.worker('silent', {}, container))).rejects.toMatchObject({
      type: 'InvalidTemplate',
      message: expect.stringContaining(message) as unknown,
    });
  }
  expect(node.runtime.list()).toEqual([]);
});

test('the format of a model cannot lead out of the folder of models', async () => {
  const blob = await node.blobs.put('weights');
  const models = { MODEL_URL: [{ url: '/m/x', format: '/../../escaped', blob }] };
  await expect(node.run(await node.worker('silent', { models }))).rejects.toMatchObject({
    type: 'InvalidSpec',
    message: expect.stringContaining('spec.format of the Model ("/../../escaped")') as unknown,
  });
});

test('a cancelled training is stopped and forgotten', async () => {
  const environment = node.environment();
  const worker = await node.worker('hangs');
  const ended = node.run(worker, environment).catch((error: Error) => error.name);
  const ref = { pid: await pidOf(worker.name), startedAt: '' };
  ref.startedAt = startTime(ref.pid) ?? '';
  environment.cancel('CANCELLED', { cancelRequested: true } as never);
  expect(await ended).toBe('CancelledFailure');
  await eventually(() => expect(isAlive(ref)).toBe(false));
  expect(node.runtime.get(worker.name)).toBeUndefined();
});

test('adopted after a restart of the local controller, with the report of meanwhile', async () => {
  const worker = await node.worker('reportsAndHangs');
  const interrupted = node.environment();
  void node.run(worker, interrupted).catch(() => undefined);
  const pid = await pidOf(worker.name);
  await eventually(() => expect(node.runtime.get(worker.name)?.reports['train']).toBeDefined());
  interrupted.cancel('WORKER_SHUTDOWN');
  await node.restart();
  expect(node.runtime.get(worker.name)).toMatchObject({ pid, state: 'running', reports: { train: {} } });
  // Killed unseen: the report is its result all the same.
  process.kill(pid, 'SIGKILL');
  await eventually(() => expect(node.runtime.get(worker.name)?.state).toBe('exited'));
  expect((await node.run(worker)).models).toHaveLength(1);
});

test('a training that was lost while nobody watched is run again', async () => {
  const worker = await node.worker('hangs');
  const environment = node.environment();
  void node.run(worker, environment).catch(() => undefined);
  const pid = await pidOf(worker.name);
  environment.cancel('WORKER_SHUTDOWN');
  await node.restart(() => process.kill(pid, 'SIGKILL'));
  await eventually(() =>
    expect(node.runtime.get(worker.name)).toMatchObject({ state: 'exited', exit: { unseen: true } }),
  );
  void node.run(worker).catch(() => undefined);
  await eventually(() => expect(node.runtime.get(worker.name)?.state).toBe('running'));
  expect(await pidOf(worker.name)).not.toBe(pid);
});

test('a lost database: what still runs is stopped, because nobody remembers whose it is', async () => {
  const worker = await node.worker('hangs');
  const environment = node.environment();
  void node.run(worker, environment).catch(() => undefined);
  const pid = await pidOf(worker.name);
  const ref = { pid, startedAt: startTime(pid) ?? '' };
  environment.cancel('WORKER_SHUTDOWN');
  await node.restart(() => {
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(node.stateDir, `workers.db${suffix}`), { force: true });
  });
  expect(isAlive(ref)).toBe(false);
  expect(node.runtime.list()).toEqual([]);
});

test('an attempt that Temporal has given up leaves its worker to the next one, unless the workflow is gone', async () => {
  const worker = await node.worker('hangs');
  const lost = async (): Promise<unknown> => {
    const environment = node.environment();
    const ended = node.run(worker, environment).catch((error: Error) => error.name);
    await pidOf(worker.name);
    environment.cancel('NOT_FOUND', { notFound: true } as never);
    return ended;
  };
  expect(await lost()).toBe('CancelledFailure');
  const pid = node.runtime.get(worker.name)?.pid;
  expect(pid).toBeDefined();
  // The next attempt finds it running; then the workflow is terminated, and nobody wants the result.
  node.workflowRuns = false;
  expect(await lost()).toBe('CancelledFailure');
  expect(node.runtime.get(worker.name)).toBeUndefined();
});

test.each(['train', 'crash'])('a training that finds no room (%s) is held up, told, and started again', async (how) => {
  const worker = await node.worker(how === 'train' ? 'noRoom' : 'noRoomAtAll');
  const environment = node.environment();
  await expect(node.run(worker, environment)).rejects.toMatchObject({
    type: 'DiskFull',
    nonRetryable: false,
    message: expect.stringContaining('no space left on device') as unknown,
  });
  expect(observed()).toMatchObject({ heldUp: { reason: 'DiskFull' }, round: 1, stage: 'Train' });
  expect(node.runtime.get(worker.name)).toBeUndefined();
});

test.each(['damaged', 'lost'])(
  'a version that the blob store has %s: its steps are held up and told until it is there again',
  async (how) => {
    const blob = await node.blobs.put('weights');
    const file = fileURLToPath(blob.uri);
    if (how === 'lost') rmSync(file);
    else writeFileSync(file, 'weightz');
    const model = { url: '/trained/m.onnx', format: 'onnx', blob };
    const worker = await node.worker('trains', { models: { BASE_MODEL_URL: [model] } });
    const listener = { workflowId: 'w', uid: 'u-1', slot: 'round' };
    const target = join(node.directory, 'deployed', 'model.onnx');
    const steps = {
      Train: () => node.run(worker),
      Deploy: () =>
        node.environment().run(createDeployActivities(node.deps).deployModel, {
          ...{ owner: worker.owner, worker: 'serves', model, urls: [target], round: 1, listener },
          hotUpdate: { pollPeriodSeconds: 1 },
        }),
    };
    for (const [stage, step] of Object.entries(steps)) {
      await expect(step()).rejects.toMatchObject({ type: 'ModelUnreadable', nonRetryable: false });
      const message = expect.stringMatching(
        /^the version of .*m\.onnx cannot be read: .*; it is tried again until it can be read$/,
      );
      expect(observed()).toMatchObject({ heldUp: { reason: 'ModelUnreadable', message }, round: 1, stage });
    }
    expect(existsSync(target)).toBe(false);
    await node.blobs.put('weights');
    expect(await node.run(worker)).toMatchObject({ models: [{ format: 'onnx' }] });
  },
);

test('a service: ready when its probe answers, restarted when it dies, replaced on a new revision, with its own port', async () => {
  const container = {
    args: ['hello', '$(JOB_NAME)', '$$(JOB_NAME)', '$(NOT_SET)'],
    env: [{ name: 'GREETING', value: 'of the template' }],
    ports: [{ name: 'http', containerPort: 8080 }],
    readinessProbe: { httpGet: { path: '/', port: 'http' } },
  };
  const worker = await node.worker(
    'serves',
    { stage: 'Inference', revision: '1', env: { JOB_NAME: 'job' } },
    container,
  );
  const environment = node.environment();
  void node.serve(worker, environment).catch(() => undefined);
  await eventually(() => expect(observed()).toMatchObject({ state: 'ready', node: 'edge-1', restarts: 0 }));
  const { endpoints } = observed();
  const ask = async () => (await fetch(endpoints[0]?.url ?? '')).text();
  expect(await ask()).toBe('hello job $(JOB_NAME) $(NOT_SET) of the template');

  const pid = await pidOf(worker.name);
  process.kill(pid, 'SIGKILL');
  await eventually(() => expect(observed()).toMatchObject({ state: 'ready', restarts: 1, endpoints }));
  const second = await pidOf(worker.name);
  expect(second).not.toBe(pid);

  // The same revision is adopted, another one replaces it.
  environment.cancel('CANCELLED');
  void node.serve(worker).catch(() => undefined);
  await eventually(() => expect(observed()).toMatchObject({ state: 'ready' }));
  expect(await pidOf(worker.name)).toBe(second);
  void node.serve({ ...worker, revision: '2' }).catch(() => undefined);
  await eventually(async () => expect(await pidOf(worker.name)).not.toBe(second));
  await eventually(() => expect(node.runtime.get(worker.name)).toMatchObject({ ready: true, restarts: 0 }));
});

test('a service that misses one probe stays ready; one that misses several in a row does not, and says why', async () => {
  const container = {
    ports: [{ name: 'http', containerPort: 8080 }],
    readinessProbe: { httpGet: { path: '/ready', port: 'http' } },
  };
  const worker = await node.worker('misses', { stage: 'Inference' }, container);
  void node.serve(worker).catch(() => undefined);
  await eventually(() => expect(observed()).toMatchObject({ state: 'ready' }));
  const { endpoints } = observed();
  const ask = async (path: string) => (await fetch(`${endpoints[0]?.url}${path}`)).text();
  const seen: boolean[] = [];
  const leave = node.runtime.watch(worker.name, (view) => seen.push(view?.ready === true));
  await ask('/miss/1');
  await eventually(async () => expect(await ask('/')).toBe('1'));
  expect([...seen, node.runtime.get(worker.name)?.ready]).not.toContain(false);
  // It has served before, so the next local controller takes it for ready too.
  await node.restart();
  expect(node.runtime.get(worker.name)?.ready).toBe(true);
  leave();
  await ask('/miss/1000000');
  await eventually(() =>
    expect(node.runtime.get(worker.name)).toMatchObject({
      ready: false,
      problem: { reason: 'WorkerNotReady', message: expect.stringContaining('GET /ready answers 503 busy') as unknown },
    }),
  );
});

test('a service that does not get ready says what it waits for; a probe of a port that it does not have is refused', async () => {
  node.options = { startingMs: 200 };
  await node.restart();
  const probing = (port: string) => ({
    args: ['hello'],
    ports: [{ name: 'http', containerPort: 8080 }],
    readinessProbe: { httpGet: { path: '/', port } },
  });
  // Nobody listens on port 1.
  const worker = await node.worker('serves', { stage: 'Inference' }, probing('1'));
  void node.serve(worker).catch(() => undefined);
  await eventually(() =>
    expect(observed()).toMatchObject({
      state: 'failing',
      problem: { reason: 'WorkerNotReady', message: expect.stringContaining('not ready: GET /: ') as unknown },
    }),
  );
  const wrong = await node.worker('serves', { stage: 'Inference', name: 'wrong' }, probing('htpp'));
  await expect(node.serve(wrong)).rejects.toMatchObject({
    type: 'InvalidTemplate',
    message: expect.stringContaining(
      'readinessProbe.httpGet.port: htpp is no port of this container (http)',
    ) as unknown,
  });
});

test('what a worker has started goes on while the local controller restarts, and ends with it: stopped or killed', async () => {
  const worker = await node.worker('forks', { stage: 'Inference' }, { ports: [{ containerPort: 80 }] });
  const environment = node.environment();
  void node.serve(worker, environment).catch(() => undefined);
  const child = () =>
    eventually(async () => {
      const pid = Number(await (await fetch(node.runtime.get(worker.name)?.endpoints[0]?.url ?? '')).text());
      return { pid, startedAt: startTime(pid) ?? '' };
    });
  const first = await child();
  expect(node.runtime.cpuSeconds([worker.name, 'nobody'])).toEqual(new Map([[worker.name, expect.any(Number)]]));
  environment.cancel('WORKER_SHUTDOWN');
  await node.restart();
  expect(isAlive(first)).toBe(true);
  void node.serve(worker).catch(() => undefined);
  process.kill(await pidOf(worker.name), 'SIGKILL');
  await eventually(() => expect(isAlive(first)).toBe(false));
  await eventually(() => expect(node.runtime.get(worker.name)).toMatchObject({ restarts: 1, state: 'running' }));
  const second = await child();
  expect(second.pid).not.toBe(first.pid);
  await node.runtime.remove(worker.name);
  expect(isAlive(second)).toBe(false);
});

test('a service that keeps crashing is restarted with back-off and says why', async () => {
  const worker = await node.worker('crashes', { stage: 'Inference' });
  void node.serve(worker).catch(() => undefined);
  await eventually(() => expect(node.runtime.get(worker.name)?.restarts).toBeGreaterThanOrEqual(3));
  expect(node.runtime.get(worker.name)?.problem).toMatchObject({
    reason: 'WorkerFailed',
    message: expect.stringContaining('exit code 3; last lines:') as unknown,
  });
});

test('a service that can never start tells so before the activity fails', async () => {
  const failed = node.serve(await node.worker('unknown', { stage: 'Inference' }));
  await expect(failed).rejects.toMatchObject({ type: 'ImageNotAllowed' });
  expect(observed()).toMatchObject({ state: 'failing', problem: { reason: 'ImageNotAllowed' } });
});

test('a restart of the local controller starts a service again that died meanwhile', async () => {
  const worker = await node.worker('serves', { stage: 'Inference' }, { ports: [{ containerPort: 80 }] });
  const environment = node.environment();
  void node.serve(worker, environment).catch(() => undefined);
  const pid = await pidOf(worker.name);
  environment.cancel('WORKER_SHUTDOWN');
  await node.restart(() => process.kill(pid, 'SIGKILL'));
  await eventually(() => {
    expect(node.runtime.get(worker.name)).toMatchObject({ state: 'running', pid: expect.anything() as unknown });
    expect(node.runtime.get(worker.name)?.pid).not.toBe(pid);
  });
});

test('deploy, cold: the file of the Model is replaced and the service restarted', async () => {
  const worker = await node.worker('serves', { stage: 'Inference' }, { ports: [{ containerPort: 80 }] });
  void node.serve(worker).catch(() => undefined);
  const pid = await pidOf(worker.name);
  const { deployModel } = createDeployActivities(node.deps);
  const target = join(node.directory, 'deployed', 'model.onnx');
  const model = { url: '/trained/m.onnx', format: 'onnx', blob: await node.blobs.put('new weights') };
  const input = { owner: worker.owner, worker: worker.name, model, urls: [target] };
  expect(await node.environment().run(deployModel, input)).toEqual({ node: 'edge-1' });
  expect(readFileSync(target, 'utf8')).toBe('new weights');
  expect(await pidOf(worker.name)).not.toBe(pid);
});

test.each([
  ['at once', 0],
  ['after it has begun to load', 700],
])(
  'deploy, cold: a worker that ends on the new model, %s, gets the former one back',
  async (_when, loadMs) => {
    const target = join(node.directory, 'deployed', 'model.onnx');
    mkdirSync(dirname(target));
    writeFileSync(target, 'good');
    const models = { MODEL_URL: [{ url: target, format: 'onnx' }] };
    const serving = { stage: 'Inference', models, env: { LOAD_MS: String(loadMs) } };
    const worker = await node.worker('servesModel', serving, { ports: [{ containerPort: 80 }] });
    void node.serve(worker).catch(() => undefined);
    await pidOf(worker.name);
    const served = async () => {
      const [endpoint] = node.runtime.get(worker.name)?.endpoints ?? [];
      return (await fetch(endpoint?.url ?? '')).text();
    };
    await eventually(async () => expect(await served()).toBe('good'));
    const { deployModel } = createDeployActivities(node.deps);
    const deploy = async (content: string, urls = [target]) => {
      const model = { url: '/trained/m.onnx', format: 'onnx', blob: await node.blobs.put(content) };
      return node.environment().run(deployModel, { owner: worker.owner, worker: worker.name, model, urls });
    };
    const judged = join(dirname(target), 'judged.onnx');
    await expect(deploy('bad', [target, judged])).rejects.toMatchObject({
      type: 'WorkerFailed',
      message: expect.stringMatching(
        /restarted with the new model, but .*exit code 1; last lines: .*; the former one is back$/s,
      ) as unknown,
    });
    await eventually(async () => expect(await served()).toBe('good'));
    // Nothing else is left: neither what was kept, nor a file that was not there.
    expect(readdirSync(dirname(target))).toEqual(['model.onnx']);
    await deploy('better');
    await eventually(async () => expect(await served()).toBe('better'));
    expect(readdirSync(dirname(target))).toEqual(['model.onnx']);
  },
  45_000,
);

test('deploy, hot: a model that does not load is neither announced any longer nor put in the place of the former one', async () => {
  const target = join(node.directory, 'deployed', 'model.onnx');
  mkdirSync(dirname(target));
  writeFileSync(target, 'good');
  const models = { MODEL_URL: [{ url: target, format: 'onnx' }] };
  const worker = await node.worker('servesModel', { stage: 'Inference', models }, { ports: [{ containerPort: 80 }] });
  const hotUpdate = { pollPeriodSeconds: 1 };
  void node.serve(worker, undefined, hotUpdate).catch(() => undefined);
  await pidOf(worker.name);
  const { deployModel } = createDeployActivities(node.deps);
  const config = join(hotUpdateDirectory(node.stateDir, worker.owner), hotUpdateFile);
  const deploy = async (content: string) => {
    const model = { url: '/trained/m.onnx', format: 'onnx', blob: await node.blobs.put(content) };
    return node
      .environment()
      .run(deployModel, { owner: worker.owner, worker: worker.name, model, urls: [target], hotUpdate });
  };
  await expect(deploy('bad')).rejects.toMatchObject({ type: 'HotUpdateFailed' });
  expect([existsSync(config), readFileSync(target, 'utf8')]).toEqual([false, 'good']);
  expect(await deploy('better')).toEqual({ node: 'edge-1', config });
  const announced = readFileSync(config, 'utf8');
  expect(readFileSync(target, 'utf8')).toBe('better');
  await expect(deploy('bad')).rejects.toMatchObject({ type: 'HotUpdateFailed' });
  expect([readFileSync(config, 'utf8'), readFileSync(target, 'utf8')]).toEqual([announced, 'better']);
}, 45_000);

test('an attempt to deploy that is made again after a crash puts back what was there before the first', async () => {
  const path = join(node.directory, 'former', 'model.onnx');
  mkdirSync(dirname(path));
  const replace = (content: string) => writeFileAtomic(path, content);
  await replace('good');
  await keepFormer(path, 'one');
  await replace('bad');
  await (await keepFormer(path, 'one')).putBack();
  expect(readFileSync(path, 'utf8')).toBe('good');
  await keepFormer(path, 'two');
  await replace('better');
  // The second deployment was never ended: it stands.
  await (await keepFormer(path, 'three')).putBack();
  expect(readFileSync(path, 'utf8')).toBe('better');
  expect(readdirSync(dirname(path))).toEqual(['model.onnx']);
});

test('a removed owner leaves no process behind', async () => {
  const worker = await node.worker('hangs');
  void node.run(worker).catch(() => undefined);
  const pid = await pidOf(worker.name);
  const ref = { pid, startedAt: startTime(pid) ?? '' };
  expect(node.runtime.owners()).toEqual([worker.owner]);
  await node.runtime.removeOwner('u-1');
  expect(isAlive(ref)).toBe(false);
  expect(node.runtime.owners()).toEqual([]);
});

test('of workers that have ended the newest logs are kept, and those of workers that run', async () => {
  const service = await node.worker('serves', { stage: 'Inference' }, { ports: [{ containerPort: 80 }] });
  void node.serve(service).catch(() => undefined);
  await pidOf(service.name);
  node.options = { keptLogs: 2 };
  await node.restart();
  for (const name of ['one', 'two', 'three', 'four']) {
    await node.run(await node.worker('silent', { name })).catch(() => undefined);
    // What was forgotten keeps its log, as long as there are not too many.
    if (name === 'three') await node.runtime.remove(name);
  }
  await node.restart();
  expect(readdirSync(join(node.stateDir, 'logs')).sort()).toEqual(['four.log', `${service.name}.log`, 'three.log']);
});

test('a model that took long to fetch is not removed before its worker is started', async () => {
  const model = { url: '/m/x.onnx', format: 'onnx', blob: await node.blobs.put('large') };
  const fetching = modelFile(node.deps, model);
  const now = performance.now.bind(performance);
  const clock = jest.spyOn(performance, 'now').mockImplementation(() => now() + 11 * 60_000);
  try {
    const file = await fetching;
    pruneModels(node.deps);
    expect(readFileSync(file, 'utf8')).toBe('large');
  } finally {
    clock.mockRestore();
  }
});

test('files of models stay while a worker may need them', async () => {
  const model = async (content: string) => ({ url: '/m/x.onnx', format: 'onnx', blob: await node.blobs.put(content) });
  const [served, trained] = [await model('served'), await model('trained')];
  const file = ({ blob }: typeof served): string => join(node.stateDir, 'models', `${blob.sha256}.onnx`);
  const serving = { stage: 'Inference', models: { MODEL_URL: [trained, served] } };
  const worker = await node.worker('serves', serving, { ports: [{ containerPort: 80 }] });
  void node.serve(worker).catch(() => undefined);
  await pidOf(worker.name);
  const other = await model('of a training');
  await node.run(await node.worker('silent', { models: { MODEL_URL: [other] } })).catch(() => undefined);
  // It was asked for a moment ago.
  pruneModels(node.deps);
  expect(existsSync(file(other))).toBe(true);
  pruneModels(node.deps, 0);
  expect([served, trained, other].map((one) => existsSync(file(one)))).toEqual([true, true, false]);
  await node.runtime.remove(worker.name);
  pruneModels(node.deps, 0);
  expect(readdirSync(join(node.stateDir, 'models'))).toEqual([]);
});

test('a worker that fails for days is told of ever more rarely; another state or cause at once', () => {
  const failing = (restarts: number, reason = 'WorkerFailed'): WorkerObservation => ({
    state: 'failing',
    node: 'n',
    worker: 'w',
    restarts,
    endpoints: [],
    problem: { reason, message: '' },
  });
  let told: WorkerObservation | undefined;
  const tellings: number[] = [];
  for (let restarts = 0; restarts <= 10_000; restarts++) {
    if (!isWorthTelling(failing(restarts), told)) continue;
    told = failing(restarts);
    tellings.push(restarts);
  }
  expect(tellings.slice(15)).toEqual([15, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192]);
  expect(isWorthTelling(failing(10_000, 'DiskFull'), told)).toBe(true);
  const ready: WorkerObservation = { state: 'ready', node: 'n', worker: 'w', restarts: 10_000, endpoints: [] };
  expect(isWorthTelling(ready, told)).toBe(true);
  expect(isWorthTelling(failing(10_001), ready)).toBe(true);
});
