import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Worker } from '@temporalio/worker';
import { eventually } from '../support/eventually.ts';
import { describeTemporal } from '../support/stack.ts';
import { FederatedScene, type FederatedChange } from './support/federated.ts';
import { TestNamespace } from './support/namespace.ts';

const never = () => new Promise<never>(() => undefined);

describeTemporal('a job with a buffer', () => {
  let temporal: TestNamespace;
  let manager: Worker;
  beforeAll(async () => {
    temporal = await TestNamespace.open();
    manager = await temporal.control();
  }, 60_000);
  afterAll(() => temporal.close());

  const fedBuff = (scene: FederatedScene, parameters: Record<string, number>): FederatedChange => ({
    aggregation: { templateDigest: 'a', node: scene.cloud.name, strategy: 'FedBuff', parameters },
  });
  /** Which updates counted in each round: client, rounds behind. */
  const counted = (scene: FederatedScene) =>
    scene.aggregations.map(({ updates }) => updates.map(({ client, staleness }) => [client, staleness ?? 0]));
  const identities = (scene: FederatedScene) =>
    scene.tasks.map(({ identity: { client, round, turn = 0 } }) => `${client} ${round}.${turn}`);

  test('fills it with whoever answers, asks again at once, and weighs what comes late', async () => {
    const scene = await new FederatedScene(temporal, 'buffered', 2).start();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    // Client 00 fills two rounds by itself, while 01 is at its first task; then 01 alone does.
    scene.answer = async (input) => {
      const { client, round } = input.identity;
      if (client === '01' && round === 1) await held;
      if (client === '00' && round === 3) return never();
      return scene.update(input);
    };
    await scene.applyAll({ ...fedBuff(scene, { bufferSize: 2 }), rounds: { total: 3 } });
    const waitingFor = { missing: ['01', '00'] };
    const open = await scene.status({ round: '3/3', quorum: '0/2', waitingFor }, 20_000);
    expect(open).toMatchObject({
      waitingFor: {
        reason: 'Collecting',
        message: 'round 3: 0 of 2 updates are in the buffer; at work: 01, 00',
      },
      clients: [{ client: '00' }, { client: '01', message: 'is at its task of round 1' }],
      buffer: expect.stringMatching(/^a round is a full buffer, whoever sends the updates: rounds.quorum, /),
    });
    release();
    const status = await scene.status({ phase: 'Succeeded' }, 20_000);
    expect(counted(scene)).toEqual([
      [
        ['00', 0],
        ['00', 0],
      ],
      [
        ['00', 0],
        ['00', 0],
      ],
      [
        ['01', 2],
        ['01', 0],
      ],
    ]);
    expect(scene.aggregations[2]?.updates[0]?.base).toEqual(scene.aggregations[0]?.weights);
    expect(status['rounds']).toMatchObject([
      { round: 1, clients: 1, updates: 2, staleness: [0, 0], samples: 20, metrics: { accuracy: 0.6 } },
      { round: 2, message: '2 updates from the newest weights of 1 clients, 20 samples, accuracy 0.7' },
      {
        round: 3,
        staleness: [2, 0],
        message: '2 updates from weights up to 2 rounds old of 1 clients, 40 samples, accuracy 0.8',
      },
    ]);
    // From the same weights twice, but not with the same seed; and nobody was asked twice for the same.
    expect(identities(scene).filter((id) => id.startsWith('00'))).toEqual([
      ...['00 1.0', '00 1.1', '00 2.0', '00 2.1', '00 3.0'],
    ]);
    expect(new Set(identities(scene)).size).toBe(scene.tasks.length);
    expect(new Set(scene.tasks.map(({ seed }) => seed)).size).toBe(scene.tasks.length);
    await scene.stop();
  }, 60_000);

  test('a refused client rests until the next round; when nobody is left the job says so, and retry asks again', async () => {
    const scene = await new FederatedScene(temporal, 'spoilt', 2).start();
    let spoilt = true;
    scene.answer = (input) => {
      const { client, round } = input.identity;
      if (!spoilt || (client === '00' && round === 1 && input.identity.turn === undefined)) return scene.update(input);
      return { refused: { reason: 'NotFinite', message: 'tensor w holds NaN' }, client, node: `spoilt-${client}` };
    };
    await scene.applyAll({ ...fedBuff(scene, { bufferSize: 2 }), rounds: { total: 1 } });
    const status = await scene.status({ quorum: '1/2', waitingFor: { reason: 'QuorumLost', have: 1, need: 2 } });
    expect((status['waitingFor'] as { message: string }).message).toMatch(
      /^round 1: 1 of 2 updates are in the buffer(; client 0[01] was refused: tensor w holds NaN){2}/,
    );
    spoilt = false;
    await temporal.signal(scene.ref, 'retry');
    await scene.status({ phase: 'Succeeded' });
    expect(scene.aggregations).toHaveLength(1);
    await scene.stop();
  }, 60_000);

  test('stop and resume: what is in the buffer stays there, and a task under way is the same one', async () => {
    const scene = await new FederatedScene(temporal, 'held', 2).start();
    let isStopped = false;
    scene.answer = (input) => {
      const { client, turn } = input.identity;
      if (!isStopped && (client === '01' || turn === 1)) return never();
      return scene.update(input);
    };
    await scene.applyAll({ ...fedBuff(scene, { bufferSize: 3 }), rounds: { total: 1 } });
    await scene.status({ quorum: '1/3', waitingFor: { missing: ['01', '00'] } });
    await temporal.signal(scene.ref, 'stop');
    await scene.status({ phase: 'Stopped' });
    isStopped = true;
    await temporal.signal(scene.ref, 'resume');
    await scene.status({ phase: 'Succeeded' });
    const [round] = scene.aggregations;
    expect(round?.updates).toHaveLength(3);
    const asked = identities(scene);
    // Once, before; that it was accepted is known.
    expect(asked.filter((id) => id === '00 1.0')).toHaveLength(1);
    expect(asked.filter((id) => id === '00 1.1')).toHaveLength(2);
    expect(asked.filter((id) => id === '01 1.0')).toHaveLength(2);
    await scene.stop();
  }, 60_000);

  test('a task that is older than maxStaleness is given up, and its client begins anew', async () => {
    const scene = await new FederatedScene(temporal, 'stale', 2).start();
    scene.answer = async (input) => {
      const { client, round } = input.identity;
      if (client === '01' && round === 1) return never();
      // Round 3 is the slow client's, who was asked anew for it.
      if (client === '00' && round === 3) return never();
      return scene.update(input);
    };
    const rounds = { total: 3, minClientsToStart: 2 };
    await scene.applyAll({ ...fedBuff(scene, { bufferSize: 1, maxStaleness: 1 }), rounds });
    const status = await scene.status({ phase: 'Succeeded' }, 20_000);
    expect(counted(scene)).toEqual([[['00', 0]], [['00', 0]], [['01', 0]]]);
    expect(status['rounds']).toMatchObject([
      {},
      {},
      {
        discarded: [{ client: '01', round: 1 }],
        message: expect.stringContaining('task of client 01 of round 1 given up'),
      },
    ]);
    await scene.stop();
  }, 60_000);

  test('a client that comes while a round is open takes part in it', async () => {
    const scene = new FederatedScene(temporal, 'joined', 2);
    await scene.start([scene.cloud, scene.clients[0] ?? scene.cloud]);
    scene.answer = (input) => (input.identity.client === '00' ? never() : scene.update(input));
    scene.imported = { weights: await scene.blobs.put('w'), file: await scene.blobs.put('f') };
    await scene.applyModel();
    await scene.applyDataset(0);
    await scene.applyJob({ ...fedBuff(scene, { bufferSize: 2 }), rounds: { total: 1 } });
    await scene.status({ waitingFor: { reason: 'Collecting', missing: ['00'] } });
    await scene.start(scene.clients.slice(1));
    await scene.applyDataset(1);
    await scene.status({ phase: 'Succeeded' }, 20_000);
    expect(counted(scene)).toEqual([
      [
        ['01', 0],
        ['01', 0],
      ],
    ]);
    await scene.stop();
  }, 60_000);

  test('an edit to another strategy leaves the buffer behind; the death of the global manager asks nobody again', async () => {
    const scene = await new FederatedScene(temporal, 'moved', 2).start();
    const held: (() => void)[] = [];
    scene.answer = async (input) => {
      const { client, turn = 0, round } = input.identity;
      if (round === 1 && (client === '01' || turn > 0)) await new Promise<void>((resolve) => held.push(resolve));
      return scene.update(input);
    };
    const size = fedBuff(scene, { bufferSize: 2 });
    await scene.applyAll({ ...size, rounds: { total: 2 } });
    await scene.status({ quorum: '1/2', waitingFor: { missing: ['01', '00'] } });
    await temporal.stop(manager);
    manager = await temporal.control();
    await scene.applyJob({ rounds: { total: 2 } });
    await scene.status({ observedGeneration: 2 });
    await eventually(() => expect(held).toHaveLength(2));
    held[1]?.();
    await scene.status({ phase: 'Succeeded', strategy: 'FedAvg' }, 20_000);
    expect(scene.aggregations.map(({ strategy, updates }) => [strategy.name, updates.length])).toEqual([
      ['FedBuff', 2],
      ['FedAvg', 2],
    ]);
    const asked = identities(scene);
    expect(asked.sort()).toEqual(['00 1.0', '00 1.1', '00 2.0', '01 1.0', '01 2.0']);
    await scene.stop();
  }, 60_000);

  test('a run that somebody ends: the round that was open is begun again, no update counts twice', async () => {
    const scene = await new FederatedScene(temporal, 'ended-buffer', 2).start();
    let hold = true;
    scene.answer = (input) => {
      const { client, round, turn } = input.identity;
      return hold && (client === '01' || (round > 1 && turn !== undefined)) ? never() : scene.update(input);
    };
    await scene.applyAll({ ...fedBuff(scene, { bufferSize: 2 }), rounds: { total: 3, minClientsToStart: 2 } });
    await scene.status({ round: '2/3', quorum: '1/2', waitingFor: { missing: ['01', '00'] } }, 20_000);
    await temporal.client.workflow.getHandle(scene.runId).terminate();
    await scene.status({ phase: 'Failed', waitingFor: { reason: 'RoundEnded' }, lastRound: { round: 1 } });
    hold = false;
    await temporal.signal(scene.ref, 'retry');
    await scene.status({ phase: 'Succeeded', round: '3/3' }, 20_000);
    expect(scene.aggregations.map(({ round }) => round)).toEqual([1, 2, 3]);
    const blobs = scene.aggregations.flatMap(({ updates }) => updates.map(({ blob }) => blob.sha256));
    expect(new Set(blobs).size).toBe(6);
    await scene.stop();
  }, 60_000);
});
