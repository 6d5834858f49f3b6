import { afterAll, beforeAll, expect, test } from '@jest/globals';
import proto from '@temporalio/proto';
import { entityId } from '../../workflows/lib/ids.ts';
import { signals } from '../../workflows/lib/messages.ts';
import { eventually } from '../support/eventually.ts';
import { describeTemporal } from '../support/stack.ts';
import { ScriptedNode } from './support/edge.ts';
import { TestNamespace } from './support/namespace.ts';

const states = proto.temporal.api.enums.v1.PendingActivityState;

describeTemporal('a dataset', () => {
  let temporal: TestNamespace;
  let node: ScriptedNode;
  beforeAll(async () => {
    temporal = await TestNamespace.open();
    await temporal.control();
    node = await new ScriptedNode(temporal, 'edge-data').start();
    await node.register();
  }, 60_000);
  afterAll(() => temporal.close());

  const ref = { kind: 'Dataset', namespace: 'default', name: 'digits' };
  const apply = (url: string) => temporal.apply(ref, { fields: { url, format: 'txt', nodeName: node.name } });
  const status = (expected: Record<string, unknown>) =>
    temporal.view(ref, (view) => expect(view.status).toMatchObject(expected));

  test('counts, says what is wrong with its file, and counts another file from the beginning', async () => {
    await apply(node.dataset);
    await status({ phase: 'Pending', waitingFor: { reason: 'DatasetUnreadable' } });
    node.samples(0, 3);
    await status({ phase: 'Ready', numberOfSamples: 3, waitingFor: null });
    node.samples(3, 5);
    await status({ numberOfSamples: 5, node: node.name });
    await apply(`${node.directory}/elsewhere.txt`);
    const { status: edited } = await status({ waitingFor: { reason: 'DatasetUnreadable' }, observedGeneration: 2 });
    expect(edited['numberOfSamples']).toBeUndefined();
    await apply(node.dataset);
    await status({ phase: 'Ready', numberOfSamples: 5, observedGeneration: 3 });
  });

  test('whoever counted before an edit hears of it long before its next heartbeat', async () => {
    const moved = { kind: 'Dataset', namespace: 'default', name: 'moved' };
    const counting = async (url: string, generation: number): Promise<void> => {
      await temporal.apply(moved, { fields: { url, format: 'txt', nodeName: node.name } });
      await temporal.view(moved, ({ status }) => expect(status['observedGeneration']).toBe(generation));
      await eventually(async () => {
        const { raw } = await temporal.client.workflow.getHandle(entityId(moved)).describe();
        const at = raw.pendingActivities?.map(({ state, attempt }) => [state, attempt]);
        expect(at).toEqual([[states.PENDING_ACTIVITY_STATE_STARTED, 1]]);
      }, 10_000);
    };
    await counting(`${node.directory}/first.txt`, 1);
    await counting(`${node.directory}/second.txt`, 2);
  });

  test('news of a node that the dataset has left is no news', async () => {
    const left = { kind: 'Dataset', namespace: 'default', name: 'left' };
    await temporal.apply(left, { fields: { url: node.dataset, format: 'txt', nodeName: node.name } });
    const { metadata } = await temporal.view(left, ({ status }) => expect(status['numberOfSamples']).toBe(5));
    const news = { slot: 'watch', uid: metadata.uid };
    await temporal.signal(left, signals.observed, { ...news, value: { samples: 6 }, node: node.name });
    await temporal.signal(left, signals.observed, { ...news, value: { samples: 9 }, node: 'edge-before' });
    // Heard after both.
    await temporal.signal(left, 'pause');
    const { status } = await temporal.view(left, ({ status }) => expect(status['refused']).toBeTruthy());
    expect(status['numberOfSamples']).toBe(6);
  });

  test('a node that nobody registered', async () => {
    const lost = { kind: 'Dataset', namespace: 'default', name: 'lost' };
    await temporal.apply(lost, { fields: { url: '/x', format: 'txt', nodeName: 'edge-unknown' } });
    await temporal.view(lost, (view) =>
      expect(view.status).toMatchObject({ phase: 'Pending', waitingFor: { reason: 'NodeUnknown' } }),
    );
  });
});
