import { Context } from '@temporalio/activity';
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
    const hold = (): Promise<never> => Context.current().cancelled;
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

  /** Lets an activity begin and end, as the Temporal worker of `begun` would. */
  async function pass(begun: BegunActivities, workflowExecution: object, activityId = 'other'): Promise<void> {
    const { inbound } = begun.interceptor({
      info: { workflowExecution, activityId, attempt: 1 },
    } as unknown as Context);
    await inbound?.execute?.({ args: [], headers: {} }, () => Promise.resolve());
  }

  test('and nobody there has is given out again at once', async () => {
    const dataset = await scene('edge-lost');
    await eventually(async () => {
      await new BegunActivities('edge-lost', temporal.client).all();
      expect(await attempts(dataset)).toEqual([2]);
    }, 20_000);
  }, 60_000);

  test('and somebody there has stays with him; what another node has, too', async () => {
    const begun = new BegunActivities('edge-kept', temporal.client);
    const [kept, other] = [await scene('edge-kept', begun), await scene('edge-kept-2')];
    await begun.all();
    expect(await attempts(kept)).toEqual([1]);
    await new BegunActivities('edge-kept', temporal.client).attendance();
    begun.close();
    expect([await attempts(kept), await attempts(other)]).toEqual([[1], [1]]);
  }, 60_000);

  test('and was lost while contact never was is given out again soon after something else of its entity has ended here', async () => {
    const dataset = await scene('edge-blip');
    const begun = new BegunActivities('edge-blip', temporal.client);
    await pass(begun, { workflowId: `${entityId(dataset)}/round/0123abcd-1`, runId: 'another' });
    await eventually(async () => expect(await attempts(dataset)).toEqual([2]), 15_000);
    begun.close();
  }, 60_000);

  test('and is the first thing that its object has ever begun here is given out again soon', async () => {
    const begun = new BegunActivities('edge-first', temporal.client);
    begun.follow(1_000);
    const dataset = await scene('edge-first');
    await eventually(async () => expect(await attempts(dataset)).toEqual([2]), 20_000);
    begun.close();
  }, 60_000);

  test('and has just been answered is left alone until the answer must have come, or is lost too', async () => {
    const dataset = await scene('edge-answered');
    const { runId, raw } = await temporal.client.workflow.getHandle(entityId(dataset)).describe();
    const begun = new BegunActivities('edge-answered', temporal.client);
    const since = performance.now();
    await pass(begun, { workflowId: entityId(dataset), runId }, raw.pendingActivities?.[0]?.activityId ?? '');
    await eventually(async () => expect(await attempts(dataset)).toEqual([2]), 40_000);
    expect(performance.now() - since).toBeGreaterThan(15_000);
    begun.close();
  }, 90_000);

  test('of a node that nobody knows: nothing', async () => {
    await expect(new BegunActivities('edge-nowhere', temporal.client).all()).resolves.toBeUndefined();
  });
});
