import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { stopProcess, type ProcessRef } from '../../workers/lib/process.ts';
import { entityId, nodeRef } from '../../workflows/lib/ids.ts';
import type { ModelVersion } from '../../workflows/lib/messages.ts';
import { eventually } from '../support/eventually.ts';
import { describeTemporal } from '../support/stack.ts';
import { Cluster } from './support/cluster.ts';
import { ScriptedNode } from './support/edge.ts';
import { FederatedScene } from './support/federated.ts';
import { JobScene } from './support/job.ts';
import { TestNamespace } from './support/namespace.ts';
import { ask, ServiceScene } from './support/service-scene.ts';
import { startShortHistoryServer } from './support/short-history-server.ts';

describeTemporal('continue-as-new', () => {
  const cluster = new Cluster();
  let server: ProcessRef;
  let temporal: TestNamespace;
  beforeAll(async () => {
    const started = await startShortHistoryServer();
    server = started.server;
    temporal = await TestNamespace.open(started.address);
    await temporal.control(cluster);
  }, 60_000);
  afterAll(async () => {
    await temporal?.close();
    await stopProcess(server, 3_000);
  });

  const runs = async (id: string): Promise<number> => {
    let count = 0;
    for await (const _ of temporal.client.workflow.list({ query: `WorkflowId = "${id}"` })) count += 1;
    return count;
  };

  function version(i: number): ModelVersion {
    return {
      sha256: String(i).padStart(64, '0'),
      uri: `file:///blobs/${i}`,
      bytes: i,
      format: 'onnx',
      stage: 'candidate',
      lineage: { job: 'default/j', round: i, samples: i, dataset: 'd' },
      createdAt: '2026-01-01T00:00:00.000Z',
    };
  }

  test('keeps the state, and loses no signal that arrives meanwhile', async () => {
    const ref = { kind: 'Model', namespace: 'default', name: 'busy' };
    const fields = { url: '/m.onnx', format: 'onnx', devices: [] };
    await temporal.apply(ref, { origin: 'kubernetes', uid: 'u-busy', generation: 3, fields, verbs: { trigger: 'a' } });
    await eventually(() => expect(cluster.events('u-busy')).toContain('Refused'));
    const count = 150;
    for (let i = 0; i < count; i += 10) {
      await Promise.all(Array.from({ length: 10 }, (_, k) => temporal.signal(ref, 'addVersion', version(i + k))));
    }
    const { status, metadata } = await temporal.view(ref, (view) => {
      const rounds = (view.status['versions'] as ModelVersion[]).map(({ lineage }) => lineage.round);
      expect(rounds.sort((x, y) => x - y)).toEqual(Array.from({ length: 20 }, (_, i) => count - 20 + i));
    });
    expect(metadata).toMatchObject({ uid: 'u-busy', generation: 3 });
    expect(status).toMatchObject({ handledVerbs: { trigger: 'a' }, observedGeneration: 3 });
    expect(await runs(entityId(ref))).toBeGreaterThan(1);
    // What was said is not said again by the next run.
    await temporal.view(ref, (view) =>
      expect(cluster.status('u-busy')).toMatchObject({ sequence: view.status['sequence'] }),
    );
    const said = cluster.writes.flatMap(({ events = [] }) => events.map(({ message }) => message));
    expect(new Set(said).size).toBe(said.length);
    expect(cluster.events('u-busy').filter((reason) => reason === 'Refused')).toHaveLength(1);
    const sequences = cluster.writes
      .filter(({ uid }) => uid === 'u-busy')
      .map((write) => Number(write.status['sequence']));
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
    await temporal.signal(ref, 'remove', { uid: 'u-busy' });
    await temporal.ended(ref);
    expect(cluster.finalizers).not.toContain('u-busy');
  }, 60_000);

  test('a job goes through rounds as if nothing were', async () => {
    const node = await new ScriptedNode(temporal, 'edge-can').start();
    await node.register();
    node.replaceSamples([]);
    const job = new JobScene(temporal, node, 'steady');
    await job.applyAll();
    await job.waiting('NoNewSamples');
    for (let round = 1; round <= 3; round++) {
      node.samples((round - 1) * 10, round * 10);
      await job.status(
        { phase: 'Waiting', round, usedSamples: round * 10, lastRound: { round, deployed: true } },
        15_000,
      );
    }
    expect(node.runs.map(({ worker, round }) => `${round} ${worker.stage}`)).toEqual(
      [1, 2, 3].flatMap((round) => [`${round} Train`, `${round} Eval`]),
    );
    await eventually(async () => expect(await runs(entityId(job.ref))).toBeGreaterThan(1));
    const { status } = await temporal.view(job.ofKind('Model', 'deployed'), (view) =>
      expect(view.status['versions']).toHaveLength(3),
    );
    expect((status['versions'] as ModelVersion[]).map(({ stage }) => stage)).toEqual(['retired', 'retired', 'live']);
    expect((await temporal.view(nodeRef(node.name))).status['phase']).toBe('Ready');
    await job.say('remove');
    await temporal.ended(job.ref, 20_000);
    await node.stop();
  }, 60_000);

  test('a client that is one round behind is credited in every round, whichever run hears of it', async () => {
    const scene = await new FederatedScene(temporal, 'behind', 3).start();
    scene.answer = async (input) => {
      const { round, client } = input.identity;
      if (client === '02') await eventually(() => expect(scene.aggregations.length).toBeGreaterThanOrEqual(round));
      return scene.update(input);
    };
    const total = 6;
    const rounds = {
      total,
      deadlineMs: 1_000,
      minClientsToStart: 3,
      quorum: { minAvailable: 2 },
      late: 'CreditNextRound' as const,
    };
    await scene.applyAll({ rounds });
    await scene.status({ phase: 'Succeeded' }, 40_000);
    const stale = scene.aggregations.map(({ updates }) => updates.map(({ staleness }) => staleness));
    expect(stale).toEqual([[undefined, undefined], ...Array(total - 1).fill([undefined, undefined, 1])]);
    expect(await runs(scene.runId)).toBeGreaterThan(1);
    await temporal.signal(scene.ref, 'remove');
    await temporal.ended(scene.ref, 20_000);
    await scene.stop();
  }, 60_000);

  test('a buffer and the tasks beside it go on from run to run, each update counts once', async () => {
    const scene = await new FederatedScene(temporal, 'flowing', 2).start();
    const total = 8;
    // Client 01 answers one task in two rounds: it is at work whenever a run ends.
    scene.answer = async (input) => {
      const { round, client } = input.identity;
      if (client === '01') await eventually(() => expect(scene.aggregations.length).toBeGreaterThan(round), 20_000);
      return scene.update(input);
    };
    const aggregation = {
      ...{ templateDigest: 'a', node: scene.cloud.name, strategy: 'FedBuff' },
      parameters: { bufferSize: 2 },
    };
    await scene.applyAll({ aggregation, rounds: { total, minClientsToStart: 2 } });
    await scene.status({ phase: 'Succeeded', round: `${total}/${total}` }, 40_000);
    const counted = scene.aggregations.flatMap(({ updates }) => updates.map(({ blob }) => blob.sha256));
    expect(new Set(counted).size).toBe(2 * total);
    const slow = scene.aggregations.flatMap(({ updates }) => updates.filter(({ client }) => client === '01'));
    expect(slow.length).toBeGreaterThan(1);
    for (const { staleness = 0 } of slow) expect(staleness).toBeGreaterThanOrEqual(2);
    expect(await runs(scene.runId)).toBeGreaterThan(1);
    await temporal.signal(scene.ref, 'remove');
    await temporal.ended(scene.ref, 20_000);
    await scene.stop();
  }, 60_000);

  test('a federated job and its run go on through all of their runs, and stay paused', async () => {
    const scene = await new FederatedScene(temporal, 'many', 2).start();
    const total = 9;
    let allowed = 1;
    const tooEarly: number[] = [];
    scene.answer = async (input) => {
      const { round, client } = input.identity;
      if (round > allowed) tooEarly.push(round);
      // Paused within every round: whichever of them ends a run, the next run begins paused.
      if (client === '00' && round < total) {
        await temporal.signal(scene.ref, 'pause');
        await scene.status({ phase: 'Paused' });
      }
      return scene.update(input);
    };
    await scene.applyAll({ rounds: { total } });
    for (let round = 1; round < total; round++) {
      await scene.status({ phase: 'Paused', lastRound: { round } }, 30_000);
      const run = temporal.client.workflow.getHandle(scene.runId);
      await eventually(async () => {
        const { events = [] } = await run.fetchHistory();
        expect(events?.at(-1)?.workflowTaskCompletedEventAttributes).toBeTruthy();
      });
      allowed = round + 1;
      await temporal.signal(scene.ref, 'resume');
    }
    const status = await scene.status({ phase: 'Succeeded', round: '9/9' }, 30_000);
    expect(tooEarly).toEqual([]);
    expect(scene.aggregations.map(({ round }) => round)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(scene.tasks).toHaveLength(18);
    expect((status['rounds'] as { round: number }[]).map(({ round }) => round)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    await eventually(async () => expect(await runs(entityId(scene.ref))).toBeGreaterThan(2));
    expect(await runs(scene.runId)).toBeGreaterThan(2);
    await temporal.signal(scene.ref, 'remove');
    await temporal.ended(scene.ref, 20_000);
    await scene.stop();
  }, 90_000);

  test('a service serves on: the next run finds every worker where the last one left it', async () => {
    const service = await new ServiceScene(temporal, 'serving').start();
    try {
      await service.applyAll();
      await service.status({ phase: 'Running', replicas: '2/2' });
      const before = await service.workers();
      const traffic = await service.load('edge', 1);
      for (let i = 0; (await runs(entityId(service.ref))) < 3; i++) {
        await service.say(i % 2 === 0 ? 'pause' : 'resume');
        expect(i).toBeLessThan(200);
      }
      await service.say('resume');
      await service.status({ phase: 'Running', replicas: '2/2' });
      await traffic.stop();
      expect(traffic.failures).toEqual([]);
      expect(await service.workers()).toEqual(before);
      expect(await ask(await service.url('edge'))).toMatchObject({ worker: before.at(-1)?.name });
    } finally {
      await service.end();
    }
  }, 90_000);
});
