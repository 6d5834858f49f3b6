import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { entityId, nodeRef, residentQueue, type EntityRef } from '../../../workflows/lib/ids.ts';
import { BegunActivities } from '../../../workers/lib/begun.ts';
import { eventually } from '../../support/eventually.ts';
import { describeTemporal } from '../../support/stack.ts';
import { TestNamespace } from '../../workflows/support/namespace.ts';

describeTemporal('what the server takes for begun on a node', () => {
  let temporal: TestNamespace;
  beforeAll(async () => {
    temporal = await TestNamespace.open();
    await temporal.control();
  }, 60_000);
  afterAll(() => temporal.close());

  const attempts = async (ref: EntityRef) => {
    const { raw } = await temporal.client.workflow.getHandle(entityId(ref)).describe();
    return raw.pendingActivities?.map(({ attempt }) => attempt);
  };

  /** A node with one dataset, whose worker is watched by `watching`, or, as one that was killed, by nobody. */
  async function scene(node: string, watching?: BegunActivities) {
    const dataset = { kind: 'Dataset', namespace: 'default', name: `of-${node}` };
    const hold = async (): Promise<void> => new Promise(() => undefined);
    await temporal.work({
      taskQueue: residentQueue(node),
      activities: { watchDataset: hold, attend: hold },
      identity: `lc/${node}/1`,
      interceptors: { activity: watching === undefined ? [] : [watching.interceptor] },
    });
    await temporal.apply(nodeRef(node), { fields: { labels: {}, blobStore: { reachable: true }, images: [] } });
    await temporal.apply(dataset, { fields: { url: '/data.txt', format: 'txt', nodeName: node } });
    await eventually(async () => expect(await attempts(dataset)).toEqual([1]));
    return dataset;
  }

  test('and nobody there has is given out again at once', async () => {
    const dataset = await scene('edge-lost');
    await eventually(async () => {
      await new BegunActivities('edge-lost').all(temporal.client);
      expect(await attempts(dataset)).toEqual([2]);
    }, 20_000);
  }, 60_000);

  test('and somebody there has stays with him; what another node has, too', async () => {
    const begun = new BegunActivities('edge-kept');
    const [kept, other] = [await scene('edge-kept', begun), await scene('edge-kept-2')];
    await begun.all(temporal.client);
    expect(await attempts(kept)).toEqual([1]);
    await new BegunActivities('edge-kept').attendance(temporal.client);
    expect([await attempts(kept), await attempts(other)]).toEqual([[1], [1]]);
  }, 60_000);

  test('of a node that nobody knows: nothing', async () => {
    await expect(new BegunActivities('edge-nowhere').all(temporal.client)).resolves.toBeUndefined();
  });
});
