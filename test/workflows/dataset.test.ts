import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { describeTemporal } from '../support/stack.ts';
import { ScriptedNode } from './support/edge.ts';
import { TestNamespace } from './support/namespace.ts';

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

  test('a node that nobody registered', async () => {
    const lost = { kind: 'Dataset', namespace: 'default', name: 'lost' };
    await temporal.apply(lost, { fields: { url: '/x', format: 'txt', nodeName: 'edge-unknown' } });
    await temporal.view(lost, (view) =>
      expect(view.status).toMatchObject({ phase: 'Pending', waitingFor: { reason: 'NodeUnknown' } }),
    );
  });
});
