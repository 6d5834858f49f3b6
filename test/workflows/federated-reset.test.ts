import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { askDetails } from '../../activities/lib/entities.ts';
import type { RoundRecord } from '../../workflows/lib/federated/state.ts';
import { eventually } from '../support/eventually.ts';
import { describeTemporal } from '../support/stack.ts';
import { FederatedScene } from './support/federated.ts';
import { TestNamespace } from './support/namespace.ts';

const never = () => new Promise<never>(() => undefined);

describeTemporal('stored rounds', () => {
  let temporal: TestNamespace;
  beforeAll(async () => {
    temporal = await TestNamespace.open();
    await temporal.control();
  }, 60_000);
  afterAll(() => temporal.close());

  const stored = async (scene: FederatedScene) => {
    const { rounds } = (await askDetails(temporal.client, scene.ref)) as { rounds: RoundRecord[] };
    return rounds.map(({ round, weights }) => `${round} ${weights.sha256}`);
  };

  test('are gone back to: what comes after is run again, and becomes the same', async () => {
    const scene = await new FederatedScene(temporal, 'again', 2).start();
    await scene.applyAll();
    await scene.status({ phase: 'Succeeded', epoch: 1 }, 20_000);
    const first = await stored(scene);
    expect(first).toHaveLength(3);

    await temporal.signal(scene.ref, 'reset', { toRound: 1 });
    await scene.status({ phase: 'Succeeded', epoch: 2, round: '3/3' }, 20_000);
    expect(scene.aggregations.map(({ round }) => round)).toEqual([1, 2, 3, 2, 3]);
    expect(await stored(scene)).toEqual(first);
    const runs = new Set(scene.tasks.map(({ identity }) => identity.run));
    expect([...runs].map((id) => id.slice(id.lastIndexOf('-')))).toEqual(['-1', '-2']);

    // Its own model has been made meanwhile, but the beginning is what it was.
    scene.imported = undefined;
    await temporal.signal(scene.ref, 'reset', { toRound: 0 });
    await scene.status({ phase: 'Succeeded', epoch: 3 }, 20_000);
    expect(await stored(scene)).toEqual(first);

    await temporal.signal(scene.ref, 'reset', { toRound: 7 });
    const refused = { verb: 'reset', message: 'round 7 is not finished: rounds 1 to 3 are stored' };
    await scene.status({ phase: 'Succeeded', epoch: 3, refused });
    await scene.stop();
  }, 90_000);

  test('are gone back to from the middle of a round, whose run ends; stop and pause stay', async () => {
    const scene = await new FederatedScene(temporal, 'amid', 2).start();
    let isHeld = true;
    scene.answer = (input) => (isHeld && input.identity.round === 2 ? never() : scene.update(input));
    await scene.applyAll({ rounds: { total: 2 } });
    await scene.status({ round: '2/2', waitingFor: { reason: 'Collecting' } }, 20_000);
    const run = temporal.client.workflow.getHandle(scene.runId);
    await temporal.signal(scene.ref, 'reset', { value: '0, because of the learning rate' });
    await eventually(async () => expect((await run.describe()).status.name).toBe('CANCELLED'));
    await scene.status({ epoch: 2, round: '2/2', waitingFor: { reason: 'Collecting' } }, 20_000);
    await temporal.signal(scene.ref, 'stop');
    await scene.status({ phase: 'Stopped' });
    await temporal.signal(scene.ref, 'reset', { toRound: 1 });
    await scene.status({ phase: 'Stopped', epoch: 3, lastRound: { round: 1 } });
    isHeld = false;
    await temporal.signal(scene.ref, 'resume');
    await scene.status({ phase: 'Succeeded', epoch: 3 }, 20_000);
    expect(scene.aggregations.map(({ round }) => round)).toEqual([1, 1, 2]);
    await scene.stop();
  }, 90_000);

  test('are what another job starts from, which says so when they are not there', async () => {
    const scene = await new FederatedScene(temporal, 'source', 2).start();
    const fork = { ...scene.ref, name: 'forked' };
    const say = (round: number) =>
      temporal.apply(fork, {
        fields: { ...scene.fields({ rounds: { total: 1 } }), startFrom: { job: 'source', round } },
        manifest: { uri: 'file:///m', sha256: `m${round}`, bytes: 1 },
      });
    const waits = (message: string) =>
      temporal.view(fork, ({ status }) =>
        expect(status).toMatchObject({ waitingFor: { reason: 'InvalidSpec', message } }),
      );
    await scene.applyModel();
    await say(9);
    await waits(
      'spec.startFrom: FederatedLearningJob default/source does not exist, or its manifest is not valid; ' +
        'this goes on when it is there',
    );
    await scene.applyAll();
    await scene.status({ phase: 'Succeeded' }, 20_000);
    await waits('spec.startFrom: round 9 of default/source cannot be started from: rounds 1 to 3 are stored');
    await say(2);
    await temporal.view(
      fork,
      ({ status }) => expect(status).toMatchObject({ phase: 'Succeeded', round: '1/1' }),
      20_000,
    );
    const [, second] = (await stored(scene)).map((line) => line.split(' ')[1]);
    const last = scene.aggregations.at(-1);
    expect([last?.round, last?.weights.sha256]).toEqual([1, second]);
    // Whatever becomes of that job: the beginning is pinned.
    await temporal.signal(scene.ref, 'remove');
    await temporal.ended(scene.ref, 20_000);
    await temporal.signal(fork, 'reset', { toRound: 0 });
    await temporal.view(fork, ({ status }) => expect(status).toMatchObject({ phase: 'Succeeded', epoch: 2 }), 20_000);
    expect(scene.aggregations.at(-1)?.weights.sha256).toBe(second);
    await scene.stop();
  }, 90_000);
});
