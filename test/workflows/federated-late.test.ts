import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { describeTemporal } from '../support/stack.ts';
import { FederatedScene } from './support/federated.ts';
import { TestNamespace } from './support/namespace.ts';

const late = 'CreditNextRound' as const;
const quorum = { minAvailable: 2 };
const never = () => new Promise<never>(() => undefined);

describeTemporal('an update that comes after its round', () => {
  let temporal: TestNamespace;
  beforeAll(async () => {
    temporal = await TestNamespace.open();
    await temporal.control();
  }, 60_000);
  afterAll(() => temporal.close());

  /** Who counted in each round, late ones with how many rounds they are behind. */
  const counted = (scene: FederatedScene) =>
    scene.aggregations.map(({ updates }) => updates.map(({ client, staleness }) => [client, staleness ?? 0]));
  const closed = (scene: FederatedScene, round: number) =>
    eventually(() => expect(scene.aggregations.length).toBeGreaterThanOrEqual(round));

  test('counts in the next one, if its client sends none there', async () => {
    const scene = await new FederatedScene(temporal, 'credit', 3).start();
    scene.answer = async (input) => {
      const { client, round } = input.identity;
      if (client === '02' && round === 1) await closed(scene, 1);
      return client === '02' && round > 1 ? never() : scene.update(input);
    };
    await scene.applyAll({ rounds: { total: 3, deadlineMs: 2_500, minClientsToStart: 3, quorum, late } });
    const message = 'round 2: 3 of 2 updates; missing: 02; client 02 counts with its update of round 1';
    await scene.status({ round: '2/3', quorum: '3/2', waitingFor: { message } }, 20_000);
    const status = await scene.status({ phase: 'Succeeded' }, 20_000);
    expect(counted(scene)).toEqual([
      [
        ['00', 0],
        ['01', 0],
      ],
      [
        ['00', 0],
        ['01', 0],
        ['02', 1],
      ],
      [
        ['00', 0],
        ['01', 0],
      ],
    ]);
    const [first, second] = scene.aggregations;
    expect(second?.updates[2]?.base).toEqual(first?.weights);
    // Nothing of the late one is in the metrics: it judged other weights.
    expect(status['rounds']).toMatchObject([
      { round: 1, clients: 2, samples: 30 },
      {
        round: 2,
        clients: 3,
        credited: [{ client: '02', round: 1 }],
        samples: 60,
        metrics: { accuracy: 0.7 },
        message: '3 clients, client 02 with its update of round 1, 60 samples, accuracy 0.7',
      },
      { round: 3, clients: 2 },
    ]);
    await scene.stop();
  }, 60_000);

  test('is worth nothing once its client has sent a newer one; its client is asked for that when it has sent the first', async () => {
    const scene = await new FederatedScene(temporal, 'newer', 3).start();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    scene.answer = async (input) => {
      const { client, round } = input.identity;
      if (client === '02' && round === 1) await held;
      return scene.update(input);
    };
    await scene.applyAll({ rounds: { total: 2, deadlineMs: 4_000, minClientsToStart: 3, quorum, late } });
    const status = await scene.status({ round: '2/2', quorum: '2/2' }, 20_000);
    expect((status['clients'] as object[])[2]).toMatchObject({
      state: 'Late',
      message: 'is still at its task of round 1',
    });
    expect(scene.tasks.map(({ identity }) => `${identity.client} ${identity.round}`)).not.toContain('02 2');
    release();
    await scene.status({ phase: 'Succeeded' }, 20_000);
    expect(counted(scene)[1]).toEqual([
      ['00', 0],
      ['01', 0],
      ['02', 0],
    ]);
    await scene.stop();
  }, 60_000);

  test('is not lost by stop and resume', async () => {
    const scene = await new FederatedScene(temporal, 'kept', 3).start();
    let isStopped = false;
    scene.answer = async (input) => {
      const { client, round } = input.identity;
      if (client === '02') return round === 1 && isStopped ? scene.update(input) : never();
      if (round === 2 && !isStopped) return never();
      return scene.update(input);
    };
    await scene.applyAll({ rounds: { total: 2, deadlineMs: 1_500, minClientsToStart: 3, quorum, late } });
    await scene.status({ round: '2/2', quorum: '0/2' }, 20_000);
    await temporal.signal(scene.ref, 'stop');
    await scene.status({ phase: 'Stopped' });
    isStopped = true;
    await temporal.signal(scene.ref, 'resume');
    await scene.status({ phase: 'Succeeded' }, 20_000);
    expect(counted(scene)[1]).toEqual([
      ['00', 0],
      ['01', 0],
      ['02', 1],
    ]);
    const asked = scene.tasks.filter(({ identity }) => identity.client === '02' && identity.round === 1);
    expect(asked).toHaveLength(2);
    expect(asked[1]?.weights).toEqual(asked[0]?.weights);
    await scene.stop();
  }, 60_000);

  test('that must not count is told, counted by reason, and no reason to leave its client out', async () => {
    const scene = await new FederatedScene(temporal, 'unsound', 3).start();
    scene.answer = async (input) => {
      const { client, round } = input.identity;
      if (client === '02' && round === 1) {
        await closed(scene, 1);
        return { refused: { reason: 'NotFinite', message: 'tensor w holds NaN' }, client, node: 'unsound-2' };
      }
      return scene.update(input);
    };
    await scene.applyAll({ rounds: { total: 2, deadlineMs: 4_000, minClientsToStart: 3, quorum, late } });
    const status = await scene.status({ phase: 'Succeeded' }, 20_000);
    expect(counted(scene)[1]).toEqual([
      ['00', 0],
      ['01', 0],
      ['02', 0],
    ]);
    expect(status['refusals']).toEqual({ NotFinite: 1 });
    // In the round that was open, or just being closed, when it came.
    const told = (status['rounds'] as { refusedLate?: object[]; message: string }[]).filter(
      (round) => round.refusedLate,
    );
    expect(told).toMatchObject([
      {
        refusedLate: [{ client: '02', round: 1, reason: 'NotFinite' }],
        message: expect.stringContaining(' clients, update of client 02 of round 1 refused (NotFinite), '),
      },
    ]);
    await scene.stop();
  }, 60_000);
});
