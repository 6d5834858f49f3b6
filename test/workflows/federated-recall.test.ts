import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { entityId } from '../../workflows/lib/ids.ts';
import { eventually } from '../support/eventually.ts';
import { describeTemporal } from '../support/stack.ts';
import { Cluster } from './support/cluster.ts';
import { FederatedScene } from './support/federated.ts';
import { TestNamespace } from './support/namespace.ts';

describeTemporal('a federated job whose workflow is lost while its object stays', () => {
  const cluster = new Cluster();
  let temporal: TestNamespace;
  beforeAll(async () => {
    temporal = await TestNamespace.open();
    await temporal.control(cluster);
  }, 60_000);
  afterAll(() => temporal.close());

  test('has completed if it had, and trains nothing again', async () => {
    const scene = await new FederatedScene(temporal, 'recalled', 2).start();
    const uid = 'b0b0b0b0-0000-4000-8000-000000000002';
    await scene.applyAll({}, { origin: 'kubernetes', uid, generation: 1 });
    await eventually(() => expect(cluster.status(uid)).toMatchObject({ phase: 'Succeeded' }), 30_000);
    const before = cluster.status(uid) ?? {};
    scene.tasks.length = 0;
    await temporal.client.workflow.getHandle(entityId(scene.ref)).terminate();
    await scene.applyJob({}, { origin: 'kubernetes', uid, generation: 1 });
    await eventually(() => expect(cluster.events(uid)).toContain('Recalled'), 30_000);
    const kept = ['phase', 'round', 'rounds', 'lastRound', 'startTime', 'completionTime'] as const;
    const keptOf = (status: Record<string, unknown> = {}) => kept.map((field) => status[field]);
    expect(keptOf(cluster.status(uid))).toEqual(keptOf(before));
    const types = (cluster.status(uid)?.['conditions'] as { type: string }[]).slice(4).map(({ type }) => type);
    expect(types).toEqual(['Training', 'Training', 'Training', 'Complete']);

    // Where they ended nobody knows any more.
    await scene.applyJob({ rounds: { total: 5 } }, { origin: 'kubernetes', uid, generation: 2 });
    await eventually(() =>
      expect(cluster.status(uid)).toMatchObject({ phase: 'Succeeded', observedGeneration: 2, round: '3/3' }),
    );
    expect(scene.tasks).toEqual([]);

    await temporal.signal(scene.ref, 'reset', { toRound: 0 });
    await eventually(
      () =>
        expect(cluster.status(uid)).toMatchObject({
          phase: 'Succeeded',
          epoch: 2,
          round: '5/5',
          lastRound: { round: 5 },
        }),
      30_000,
    );
    expect(scene.tasks).toHaveLength(10);
    await scene.stop();
  }, 60_000);

  test('is paused if it was, and goes on with its run', async () => {
    const scene = await new FederatedScene(temporal, 'recalled-paused', 2).start();
    const held: (() => void)[] = [];
    scene.answer = async (input) => {
      if (input.identity.round === 2) await new Promise<void>((resolve) => held.push(resolve));
      return scene.update(input);
    };
    const uid = 'b0b0b0b0-0000-4000-8000-000000000003';
    await scene.applyAll({}, { origin: 'kubernetes', uid, generation: 1 });
    await scene.status({ round: '2/3', waitingFor: { reason: 'Collecting' } });
    await temporal.signal(scene.ref, 'pause');
    await eventually(() => expect(cluster.status(uid)).toMatchObject({ phase: 'Paused' }), 30_000);
    await temporal.client.workflow.getHandle(entityId(scene.ref)).terminate();
    await scene.applyJob({}, { origin: 'kubernetes', uid, generation: 1 });
    await scene.status({ phase: 'Paused', round: '2/3' });
    await temporal.signal(scene.ref, 'resume');
    await eventually(() => expect(held).toHaveLength(2));
    held.splice(0).forEach((release) => release());
    await scene.status({ phase: 'Succeeded', round: '3/3' });
    expect(scene.aggregations.map(({ round }) => round)).toEqual([1, 2, 3]);
    await scene.stop();
  }, 60_000);
});
