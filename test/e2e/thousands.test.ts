import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { cohortLimits } from '../../workflows/lib/federated/cohorts.ts';
import { eventually } from '../support/eventually.ts';
import { describeTemporal } from '../support/stack.ts';
import { clientsOf, cohortsOf } from '../workflows/support/cohorts.ts';
import { FederatedScene } from '../workflows/support/federated.ts';
import { TestNamespace } from '../workflows/support/namespace.ts';

describeTemporal('more clients than a workflow may ask', () => {
  let temporal: TestNamespace;
  beforeAll(async () => {
    temporal = await TestNamespace.open();
    await temporal.control();
  }, 60_000);
  afterAll(() => temporal.close());

  test('are all at work at the same time, and each counts once', async () => {
    const scene = new FederatedScene(temporal, 'thousands', 1);
    const clients = clientsOf(scene, 2_100);
    let release = (): void => undefined;
    const allAsked = new Promise<void>((resolve) => (release = resolve));
    const blob = await scene.blobs.put('an update');
    scene.answer = async ({ identity: { client } }) => {
      await allAsked;
      return { accepted: { client, node: 'thousands-0', blob, samples: 1, metrics: {} } };
    };
    await scene.start();
    await scene.applyAll({ clients, rounds: { total: 1 } });
    await eventually(
      async () => {
        const handles = (await cohortsOf(temporal, scene)).map(({ workflowId }) =>
          temporal.client.workflow.getHandle(workflowId),
        );
        const described = await Promise.all(handles.map((handle) => handle.describe()));
        const asked = described.map(({ raw }) => raw.pendingActivities?.length ?? 0);
        expect(asked.reduce((sum, count) => sum + count, 0)).toBe(clients.length);
      },
      120_000,
      1_000,
    );
    expect(scene.tasks.length).toBeLessThan(clients.length / 2); // Its node takes a hundred at a time.
    release();
    await scene.status({ phase: 'Succeeded', succeeded: clients.length }, 400_000);
    const counted = scene.aggregations.map(({ updates }) => updates.map(({ client }) => Number(client)));
    expect(counted).toEqual([clients.map((_, i) => i)]);
    const { historyLength } = await temporal.client.workflow.getHandle(scene.runId).describe();
    expect(historyLength).toBeLessThan(clients.length);
    const cohorts = await cohortsOf(temporal, scene);
    expect(cohorts).toHaveLength(Math.ceil(clients.length / cohortLimits.size));
    await scene.stop();
  }, 600_000);
});
