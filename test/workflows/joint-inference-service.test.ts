/** The real workflow on the real server, with local controllers' runtimes and worker processes: what serves, and what it survives. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeModel, mlp } from '../../sdk/estimators/onnx/index.ts';
import { entityId } from '../../workflows/lib/ids.ts';
import { eventually } from '../support/eventually.ts';
import { describeTemporal } from '../support/stack.ts';
import { TestNamespace } from './support/namespace.ts';
import { ask, ServiceScene, type ServiceChange } from './support/service-scene.ts';

const running = { phase: 'Running', replicas: '2/2' };
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

describeTemporal('a joint inference service', () => {
  let temporal: TestNamespace;
  let count = 0;
  const scenes: ServiceScene[] = [];
  beforeAll(async () => {
    temporal = await TestNamespace.open();
    await temporal.control();
  }, 60_000);
  afterEach(async () => {
    await Promise.all(scenes.splice(0).map((scene) => scene.end()));
  }, 60_000);
  afterAll(() => temporal.close());

  async function scene(): Promise<ServiceScene> {
    const made = new ServiceScene(temporal, `ji-${++count}`);
    scenes.push(made);
    return made.start();
  }

  async function runningScene(change: ServiceChange = {}): Promise<ServiceScene> {
    const made = await scene();
    await made.applyAll(change);
    await made.status({ phase: 'Running' });
    return made;
  }

  test('both workers start with the environment of the contract, and are reached where the status says', async () => {
    const service = await runningScene({
      spec: { mode: 'mining-then-inference', deferred: { enabled: true, maxAge: '1h' } },
    });
    const status = await service.status({
      ...running,
      active: 2,
      failed: 0,
      nodes: { cloud: service.cloud.name, edge: service.edge.name },
      node: service.edge.name,
    });
    const [cloudUrl, edgeUrl] = [await service.url('cloud'), await service.url('edge')];
    const { env: edge = {} } = await ask(edgeUrl, '/env');
    const { uid } = (await temporal.view(service.ref)).metadata;
    expect(edge).toMatchObject({
      NAMESPACE: 'default',
      SERVICE_NAME: service.name,
      WORKER_NAME: `${service.name}-edge-${uid?.slice(0, 8)}-1`,
      BIG_MODEL_IP: '127.0.0.1',
      BIG_MODEL_PORT: new URL(cloudUrl).port,
      HEM_NAME: 'CrossEntropy',
      HEM_PARAMETERS: '[{"key":"threshold_cross_entropy","value":"0.9"}]',
      MINING_MODE: 'mining-then-inference',
      SEDNA_DEFERRED: '{"enabled":true,"maxAge":"1h"}',
      SEDNA_WORKER_STATE: expect.stringContaining(service.edge.stateDir),
    });
    const { env: cloud = {}, model } = await ask(cloudUrl, '/env');
    expect(model).toBe('big');
    expect(cloud).toMatchObject({
      NAMESPACE: 'default',
      SERVICE_NAME: service.name,
      BIG_MODEL_BIND_PORT: cloud['SEDNA_SERVE_PORT'],
    });
    expect(status['conditions']).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ type: 'Available', status: 'True', reason: 'Serving' }),
        expect.objectContaining({ type: 'Degraded', status: 'False' }),
      ]),
    );
    // Behind the four roll-ups: nothing had failed before.
    expect((status['conditions'] as unknown[]).slice(4)).toEqual([
      expect.objectContaining({ type: 'Running', status: 'True' }),
    ]);
  }, 60_000);

  test('what the edge worker counts reaches the status: each hard sample once', async () => {
    const service = await runningScene();
    const url = await service.url('edge');
    const counts = { startTime: 'now', inferenceNumber: 8, hardExampleNumber: 2, uploadCloudRatio: 0.75 };
    await ask(url, '/report', JSON.stringify(counts));
    await service.status({
      metrics: [
        { key: 'hardExampleNumber', value: '2' },
        { key: 'inferenceNumber', value: '8' },
        { key: 'uploadCloudRatio', value: '0.25' },
      ],
    });
  }, 60_000);

  test('another model under constant load: not one request fails, and the new one serves', async () => {
    const service = await runningScene({ edge: { replicas: 2 }, edgeEnv: { LOAD_MS: '300' } });
    await service.status({ phase: 'Running', replicas: '3/3' });
    const url = await service.url('edge');
    const traffic = await service.load('edge');
    await eventually(() => expect(traffic.models.get('little')).toBeGreaterThan(20));
    await service.applyModel('edge', 'better');
    await service.status({ phase: 'Updating' });
    await service.status({ phase: 'Running', replicas: '3/3' });
    expect(await ask(url)).toMatchObject({ model: 'better' });
    // An edit of the template is a replacement as well; one that concerns no worker is none.
    await service.applyService({ edge: { replicas: 2 }, edgeEnv: { LOAD_MS: '301' } });
    await service.status({ observedGeneration: 2, phase: 'Running', replicas: '3/3' });
    const before = await service.workers('edge');
    await service.applyService({ edge: { replicas: 1 }, edgeEnv: { LOAD_MS: '301' } });
    await service.status({ observedGeneration: 3, phase: 'Running', replicas: '2/2' });
    expect(before).toContainEqual((await service.workers('edge'))[0]);
    const total = await traffic.stop();
    expect(traffic.failures).toEqual([]);
    expect(total).toBeGreaterThan(100);
    expect(await service.url('edge')).toBe(url);
  }, 90_000);

  test('a replica that dies is started again, the other one answers meanwhile; a new local controller finds all as it was', async () => {
    const service = await runningScene({ edge: { replicas: 2 } });
    const url = await service.url('edge');
    const [first] = await service.workers('edge');
    process.kill(first?.pid ?? 0, 'SIGKILL');
    await eventually(async () => {
      const found = (await service.workers('edge')).find(({ name }) => name === first?.name);
      expect(found).toMatchObject({ state: 'ready', restarts: 1 });
      expect(found?.pid).not.toBe(first?.pid);
    }, 20_000);
    const before = await service.workers();
    const traffic = await service.load('edge');
    await service.edge.stop();
    await eventually(() => expect(traffic.models.get('little')).toBeGreaterThan(50));
    await service.edge.start();
    await service.status({ phase: 'Running' });
    await traffic.stop();
    expect(traffic.failures).toEqual([]);
    expect(await service.workers()).toEqual(before);
    // The front itself: its local controller starts it again on the same port.
    const front = service.edge.runtime?.list().find(({ stage }) => stage === 'Front');
    process.kill(front?.pid ?? 0, 'SIGKILL');
    await eventually(async () => expect(service.edge.runtime?.get(front?.name ?? '')?.restarts).toBe(1));
    await eventually(async () => expect(await ask(url)).toMatchObject({ model: 'little' }));
    expect(await service.url('edge')).toBe(url);
  }, 90_000);

  test('a model with which workers crash replaces nobody: the status says why, and the next one goes through', async () => {
    const service = await runningScene();
    const url = await service.url('edge');
    const traffic = await service.load('edge', 1);
    await service.applyModel('edge', 'broken');
    const status = await service.status({ waitingFor: { reason: 'CrashLoopBackOff' } });
    expect(status).toMatchObject({ active: 2, failed: 0, phase: 'Updating' });
    expect((status['waitingFor'] as { message: string }).message).toMatch(
      /^edge worker: .*-2: exit code 7; last lines: .*cannot load this model.*it is started again and again$/,
    );
    await service.applyModel('edge', 'mended');
    await service.status({ phase: 'Running', waitingFor: null });
    await traffic.stop();
    expect(traffic.failures).toEqual([]);
    expect(await ask(url)).toMatchObject({ model: 'mended' });
    expect(await service.workers('edge')).toHaveLength(1);
  }, 90_000);

  test('pause holds back edits, stop ends the workers and keeps the addresses, resume goes on; other verbs are refused', async () => {
    const service = await runningScene();
    const url = await service.url('edge');
    await service.say('pause');
    await service.status({ phase: 'Paused', waitingFor: { reason: 'Paused' } });
    await service.applyModel('edge', 'later');
    await service.say('trigger');
    await service.status({ refused: { verb: 'trigger' } });
    expect(await ask(url)).toMatchObject({ model: 'little' });
    await service.say('stop');
    await service.status({ phase: 'Stopped', replicas: '0/0' });
    await eventually(async () => expect(await service.workers()).toEqual([]), 30_000);
    await expect(ask(url)).rejects.toThrow('503');
    await service.say('resume');
    await service.status(running);
    expect(await service.url('edge')).toBe(url);
    expect(await ask(url)).toMatchObject({ model: 'later' });
    await service.say('resume');
    await service.status({ refused: { verb: 'resume', message: 'it is not paused' } });
    await service.say('retry');
    await service.status({ refused: { verb: 'retry', message: 'nothing has failed' } });
  }, 90_000);

  test('a model that cannot run there never reaches a worker; retry judges the file again', async () => {
    const service = await runningScene();
    const before = await service.workers();
    await service.applyModel('edge', 'no-such-file', 'onnx');
    const status = await service.status({
      waitingFor: { reason: 'ModelUnreadable' },
      phase: 'Running',
      replicas: '2/2',
    });
    expect(status['waitingFor']).toMatchObject({
      message: expect.stringContaining('no-such-file.onnx: it cannot be read'),
    });
    const file = join(service.edge.directory, 'no-such-file.onnx');
    writeFileSync(file, 'this is no protobuf');
    await service.say('retry');
    await service.status({ waitingFor: { reason: 'ModelMisfit' }, phase: 'Running' });
    expect(await service.workers()).toEqual(before);
    writeFileSync(file, encodeModel(mlp({ inputs: 4, outputs: 2, seed: 1 })));
    await service.say('retry');
    // The workers of this test cannot read it, which is a matter of theirs: it has passed the gate.
    await service.status({ ...running, waitingFor: null });
    expect(await service.workers()).not.toEqual(before);
  }, 90_000);

  test('deleted within seconds, nothing is left on the nodes; created again under the same name; deleted while a node is away', async () => {
    const service = await runningScene();
    const { uid } = (await temporal.view(service.ref)).metadata;
    const folder = join(service.edge.stateDir, 'services', uid ?? '', 'edge');
    expect(existsSync(folder)).toBe(true);
    await service.say('remove');
    await temporal.ended(service.ref, 30_000);
    await eventually(() => {
      expect(service.edge.runtime?.list()).toEqual([]);
      expect(service.cloud.runtime?.list()).toEqual([]);
    }, 15_000);
    await eventually(() => expect(existsSync(folder)).toBe(false));
    await service.applyService();
    await service.status(running);
    await service.edge.stop();
    const from = performance.now();
    await service.say('remove');
    await temporal.ended(service.ref, 30_000);
    expect(performance.now() - from).toBeLessThan(30_000);
    await service.edge.start();
    await eventually(() => expect(service.edge.runtime?.list()).toEqual([]), 30_000);
  }, 120_000);

  test('nothing is written to the history while nothing happens', async () => {
    const service = await runningScene();
    const length = async (): Promise<number> => {
      const { historyLength } = await temporal.client.workflow.getHandle(entityId(service.ref)).describe();
      return historyLength;
    };
    await eventually(async () => {
      const before = await length();
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      expect(await length()).toBe(before);
    }, 30_000);
  }, 60_000);

  test('a set that may go elsewhere does so when its node is gone; what it left there ends when the node is back', async () => {
    const service = await scene();
    const labels = { 'sedna.io/role': 'edge', zone: service.name };
    const [first, second] = [service.node(`${service.name}-a`, labels), service.node(`${service.name}-b`, labels)];
    await Promise.all([first.start(), second.start()]);
    try {
      await service.applyAll({ edgePod: { nodeName: undefined, nodeSelector: { zone: service.name } } });
      const { nodes } = (await service.status(running)) as { nodes: { edge: string } };
      const [here, there] = nodes.edge === first.name ? [first, second] : [second, first];
      const url = await service.url('edge');
      here.leaveAnswers('edge', 'requests that wait');
      await here.stop();
      await service.status({ waitingFor: { reason: 'NodeSilent' }, phase: 'Running' }, 40_000);
      // It may be the link only: what runs there goes on.
      expect(await ask(url)).toMatchObject({ model: 'little' });
      await service.status({ ...running, node: there.name, waitingFor: null }, 60_000);
      expect(await service.url('edge')).not.toBe(url);
      expect(await ask(await service.url('edge'))).toMatchObject({ model: 'little' });
      await here.start();
      await eventually(() => expect(here.runtime?.list()).toEqual([]), 40_000);
      expect(there.runtime?.list()).toHaveLength(2);
      // What it had promised to answer later is where its workers are now, and nowhere else.
      const brought = join(there.stateOf('edge'), 'deferred', 'inherited', sha256('requests that wait'));
      await eventually(() => expect(readdirSync(brought)).toEqual(['deferred.sqlite']), 20_000);
      await eventually(() => expect(readdirSync(here.stateOf('edge'))).toEqual([]));
    } finally {
      await service.say('remove');
      await Promise.all([first.end(), second.end()]);
    }
  }, 180_000);

  test('as many replicas as the requests in flight ask for, in the steps and after the time that `behavior` allows', async () => {
    const policy = { type: 'Pods', value: 1, periodSeconds: 6 };
    const service = await runningScene({
      edgeEnv: { ANSWER_MS: '100' },
      edge: {
        hpa: {
          maxReplicas: 3,
          metrics: [
            {
              type: 'Pods',
              pods: { metric: { name: 'requests_in_flight' }, target: { type: 'AverageValue', averageValue: '2' } },
            },
          ],
          behavior: {
            scaleUp: { policies: [policy] },
            scaleDown: { stabilizationWindowSeconds: 12, policies: [policy] },
          },
        },
      },
    });
    await service.status(running);
    const steps = service.replicaSteps();
    // Three replicas are too few for so many: but for the policies there would be all of them at once.
    const traffic = await service.load('edge', 8);
    await service.status({ replicas: '4/4', phase: 'Running' }, 60_000);
    const total = await traffic.stop();
    const stopped = performance.now();
    expect(total).toBeGreaterThan(100);
    expect(traffic.failures).toEqual([]);
    await service.status(running, 90_000);
    const seen = await steps.stop();
    expect(seen.map(({ wanted }) => wanted)).toEqual([2, 3, 4, 3, 2]);
    const [, second = 0, third = 0, fewer = 0, least = 0] = seen.map(({ at }) => at);
    // News may be late. Without the window the mean of 15 seconds is low enough after seven of them.
    expect(Math.min(third - second, least - fewer)).toBeGreaterThan(3_000);
    expect(fewer - stopped).toBeGreaterThan(12_000);
  }, 200_000);
});
