import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { stopProcess } from '../../workers/lib/process.ts';
import { entityId } from '../../workflows/lib/ids.ts';
import { eventually } from '../support/eventually.ts';
import { describeTemporal } from '../support/stack.ts';
import { clientsOf, cohortsOf, smallCohorts } from './support/cohorts.ts';
import { FederatedScene, type FederatedChange } from './support/federated.ts';
import { TestNamespace } from './support/namespace.ts';
import { startShortHistoryServer } from './support/short-history-server.ts';

const never = () => new Promise<never>(() => undefined);

describeTemporal('cohorts of a round', () => {
  let temporal: TestNamespace;
  beforeAll(async () => {
    temporal = await TestNamespace.open();
    await temporal.control(undefined, { workflowBundle: await smallCohorts() });
  }, 90_000);
  afterAll(() => temporal.close());

  /** With eight clients: three cohorts. */
  async function begin(name: string, answer: FederatedScene['answer'] | undefined, change: FederatedChange = {}) {
    const scene = await new FederatedScene(temporal, name, 1).start();
    if (answer !== undefined) scene.answer = answer;
    await scene.applyAll({ clients: clientsOf(scene, 8), ...change });
    return scene;
  }

  const asked = ({ tasks }: FederatedScene, round: number) =>
    tasks.filter(({ identity }) => identity.round === round).map(({ identity }) => Number(identity.client));
  const counted = ({ aggregations }: FederatedScene) =>
    aggregations.map(({ updates }) => updates.map(({ client }) => Number(client)));
  const open = async (scene: FederatedScene) =>
    (await cohortsOf(temporal, scene)).filter(({ status }) => status === 'RUNNING');
  const number = (id: string) => id.split('/').at(-1);
  const all = [0, 1, 2, 3, 4, 5, 6, 7];

  test('ask all clients at once, in the name of the run, and each counts once', async () => {
    const scene = new FederatedScene(temporal, 'cohorts', 1);
    scene.answer = async (input) => {
      await eventually(() => expect(asked(scene, input.identity.round)).toHaveLength(8), 30_000);
      return scene.update(input);
    };
    await scene.start();
    await scene.applyAll({ clients: clientsOf(scene, 8), rounds: { total: 2 } });
    const status = await scene.status({ phase: 'Succeeded', succeeded: 8 }, 60_000);
    expect(status['rounds']).toMatchObject([{ clients: 8 }, { clients: 8 }]);
    expect(counted(scene)).toEqual([all, all]);
    expect(asked(scene, 1).sort()).toEqual(all);
    expect(new Set(scene.tasks.map(({ identity }) => identity.run))).toEqual(new Set([scene.runId]));
    expect(scene.runId).toMatch(new RegExp(`^${entityId(scene.ref)}/run/[^/]+$`));
    const [first] = scene.tasks;
    expect(first?.worker.env['PARTICIPANTS_COUNT']).toBe('8');
    expect(first?.quiet).toBe(true);
    await eventually(async () => {
      const cohorts = await cohortsOf(temporal, scene);
      const ids = cohorts.map(({ workflowId }) => workflowId).sort();
      expect(ids).toEqual(['1-0', '1-1', '1-2', '2-0', '2-1', '2-2'].map((id) => `${scene.runId}/cohort/${id}`));
      expect(cohorts.every((one) => one.status === 'COMPLETED')).toBe(true);
    });
    await scene.stop();
  }, 120_000);

  test('one that somebody ends: who has not answered is asked again, and counts once', async () => {
    let isOver = false;
    const scene = await begin('ended', (input) => (isOver ? scene.update(input) : never()), { rounds: { total: 1 } });
    await eventually(async () => expect(await open(scene)).toHaveLength(3), 30_000);
    await eventually(() => expect(asked(scene, 1)).toHaveLength(8));
    isOver = true;
    await temporal.client.workflow.getHandle(`${scene.runId}/cohort/1-0`).terminate('by hand');
    // The others are still at it: what the dead one has left is asked directly, and answered now.
    await scene.status({ quorum: '3/8' }, 30_000);
    await Promise.all(
      (await open(scene)).map(({ workflowId }) => temporal.client.workflow.getHandle(workflowId).cancel()),
    );
    await scene.status({ phase: 'Succeeded', succeeded: 8 }, 60_000);
    expect(counted(scene)).toEqual([all]);
    expect(asked(scene, 1).sort()).toEqual([...all, ...all].sort());
    await scene.stop();
  }, 120_000);

  test('a client whose cohorts are ended again and again counts as refused, and is asked again by retry', async () => {
    let isOver = false;
    const scene = await begin(
      'hunted',
      async (input) => {
        await eventually(() => expect(isOver).toBe(true), 90_000);
        return scene.update(input);
      },
      { rounds: { total: 1 } },
    );
    await scene.status({ quorum: '0/8' }, 30_000);
    // Some are asked by the run itself after the first time.
    await eventually(async () => {
      const handles = (await open(scene)).map(({ workflowId }) => temporal.client.workflow.getHandle(workflowId));
      await Promise.allSettled(handles.map((handle) => handle.terminate('by hand')));
      await temporal.view(
        scene.ref,
        ({ status: { refusals } }) => expect((refusals as { RoundEnded: number }).RoundEnded).toBeGreaterThan(3),
        300,
      );
    }, 60_000);
    expect(await open(scene)).toEqual([]);
    const { clients } = await scene.status({ phase: 'Running' });
    const refused = (clients as { state: string; message?: string }[]).filter(({ state }) => state === 'Refused');
    expect(refused[0]?.message).toContain('sedna retry asks again');
    isOver = true;
    await temporal.signal(scene.ref, 'retry');
    await scene.status({ phase: 'Succeeded', succeeded: 8 }, 60_000);
    expect(counted(scene)).toEqual([all]);
    await scene.stop();
  }, 150_000);

  test('the deadline of a round ends them', async () => {
    const scene = await begin(
      'in-time',
      (input) => (Number(input.identity.client) < 5 ? scene.update(input) : never()),
      { rounds: { total: 1, deadlineMs: 5_000, quorum: { minAvailable: 4 } } },
    );
    await scene.status({ phase: 'Succeeded' }, 60_000);
    expect(counted(scene)).toEqual([[0, 1, 2, 3, 4]]);
    await eventually(async () => {
      const cohorts = await cohortsOf(temporal, scene);
      const ends = cohorts.map(({ workflowId, status }) => [number(workflowId), status]).sort();
      expect(ends).toEqual([
        ['1-0', 'COMPLETED'],
        ['1-1', 'COMPLETED'],
        ['1-2', expect.stringMatching('CANCELLED|TERMINATED')],
      ]);
    });
    await scene.stop();
  }, 120_000);

  test('a late one of them counts in the next round; then nobody is asked for what can count no more', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const scene = await begin(
      'late-ones',
      async (input) => {
        const { client, round } = input.identity;
        if (Number(client) < 6) return scene.update(input);
        if (round === 2 || client === '07') return never();
        await held;
        return scene.update(input);
      },
      { rounds: { total: 2, deadlineMs: 5_000, quorum: { minAvailable: 6 }, late: 'CreditNextRound' } },
    );
    await scene.status({ lastRound: { round: 1 } }, 60_000);
    release();
    const status = await scene.status({ phase: 'Succeeded' }, 60_000);
    expect(status['rounds']).toMatchObject([{ clients: 6 }, { clients: 7, credited: [{ client: '06', round: 1 }] }]);
    expect(asked(scene, 2)).toContain(6);
    expect(asked(scene, 2)).not.toContain(7);
    await eventually(async () => expect(await open(scene)).toEqual([]));
    await scene.stop();
  }, 120_000);

  test('stop ends them, resume asks for the same tasks', async () => {
    let isResumed = false;
    const scene = await begin(
      'stopped',
      (input) => (isResumed || input.identity.client === '02' ? scene.update(input) : never()),
      { rounds: { total: 1 } },
    );
    await scene.status({ quorum: '1/8' }, 30_000);
    await eventually(() => expect(asked(scene, 1)).toHaveLength(8));
    await temporal.signal(scene.ref, 'stop');
    await scene.status({ phase: 'Stopped' }, 30_000);
    await eventually(async () => expect(await open(scene)).toEqual([]));
    isResumed = true;
    await temporal.signal(scene.ref, 'resume');
    await scene.status({ phase: 'Succeeded' }, 60_000);
    expect(counted(scene)).toEqual([all]);
    const inputs = (client: string) => scene.tasks.filter(({ identity }) => identity.client === client);
    for (const { identity } of scene.tasks) {
      const [first, second, ...more] = inputs(identity.client);
      expect(second).toEqual(first);
      expect(more).toEqual([]);
    }
    await scene.stop();
  }, 120_000);

  test('no orphan is left of a run that is terminated, nor of a job that is deleted', async () => {
    const scene = await begin('orphans', never);
    await eventually(async () => expect(await open(scene)).toHaveLength(3), 30_000);
    const run = temporal.client.workflow.getHandle(scene.runId);
    await run.terminate('by hand');
    await eventually(async () => expect(await open(scene)).toEqual([]));
    await scene.status({ phase: 'Failed' });
    await temporal.signal(scene.ref, 'retry');
    await eventually(async () => expect(await open(scene)).toHaveLength(3), 30_000);
    await temporal.signal(scene.ref, 'remove');
    await temporal.ended(scene.ref, 30_000);
    await eventually(async () => expect(await open(scene)).toEqual([]));
    await eventually(async () => expect((await run.describe()).status.name).not.toBe('RUNNING'));
    await scene.stop();
  }, 120_000);
});

describeTemporal('cohorts of a run that continues as new', () => {
  test('end with it; the next run asks for what they had left, and it counts', async () => {
    const { server, address } = await startShortHistoryServer();
    const temporal = await TestNamespace.open(address);
    try {
      await temporal.control(undefined, { workflowBundle: await smallCohorts() });
      const scene = await new FederatedScene(temporal, 'continued', 1).start();
      const times = new Map<string, number>();
      scene.answer = ({ identity, ...input }) => {
        const { client, round } = identity;
        const before = times.get(`${client} ${round}`) ?? 0;
        times.set(`${client} ${round}`, before + 1);
        // Late in round 1, until it is asked again.
        return Number(client) >= 6 && before === 0 ? never() : scene.update({ identity, ...input });
      };
      const rounds = { total: 2, deadlineMs: 5_000, quorum: { minAvailable: 6 }, late: 'CreditNextRound' } as const;
      await scene.applyAll({ clients: clientsOf(scene, 12), rounds });
      const status = await scene.status({ phase: 'Succeeded' }, 90_000);
      const late = ['06', '07', '08', '09', '10', '11'];
      expect(status['rounds']).toMatchObject([
        { clients: 6 },
        { clients: 12, credited: late.map((client) => ({ client, round: 1 })) },
      ]);
      for (const client of late) expect(times.get(`${client} 1`)).toBe(2);
      await eventually(async () => {
        const cohorts = await cohortsOf(temporal, scene);
        expect(cohorts.filter(({ status }) => status === 'RUNNING')).toEqual([]);
        // Of the same id, one after the other.
        expect(cohorts.filter(({ workflowId }) => workflowId.endsWith('/cohort/1-0'))).toHaveLength(2);
      });
      await scene.stop();
    } finally {
      await temporal.close();
      await stopProcess(server, 3_000);
    }
  }, 180_000);
});
