import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { entityId } from '../../workflows/lib/ids.ts';
import { eventually } from '../support/eventually.ts';
import { describeTemporal } from '../support/stack.ts';
import { FederatedScene } from './support/federated.ts';
import { TestNamespace } from './support/namespace.ts';

describeTemporal('many clients that answer at once', () => {
  let temporal: TestNamespace;
  beforeAll(async () => {
    temporal = await TestNamespace.open();
    await temporal.control();
  }, 60_000);
  afterAll(() => temporal.close());

  test('each counts once, and the job is told a few times, not once for each', async () => {
    const scene = await new FederatedScene(temporal, 'many', 1).start();
    const clients = Array.from({ length: 60 }, () => ({ templateDigest: 't', dataset: 'many-data-0' }));
    scene.answer = async (input) => {
      await eventually(() => expect(scene.tasks).toHaveLength(clients.length), 60_000);
      return scene.update(input);
    };
    await scene.applyAll({ clients, rounds: { total: 1 } });
    await scene.status({ phase: 'Succeeded', succeeded: clients.length }, 60_000);
    expect(scene.aggregations.map(({ updates }) => updates.map(({ client }) => Number(client)))).toEqual([
      clients.map((_, i) => i),
    ]);
    const { events } = await temporal.client.workflow.getHandle(entityId(scene.ref)).fetchHistory();
    const news = (events ?? []).filter(({ workflowExecutionSignaledEventAttributes: signal }) => {
      const data = signal?.input?.payloads?.[0]?.data;
      return data && (JSON.parse(Buffer.from(data).toString()) as { slot?: string }).slot === 'run';
    });
    expect(news.length).toBeGreaterThan(1);
    expect(news.length).toBeLessThan(clients.length / 2);
    await scene.stop();
  }, 150_000);
});
