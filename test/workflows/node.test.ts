import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { nodeRef } from '../../workflows/lib/ids.ts';
import { describeTemporal } from '../support/stack.ts';
import { ScriptedNode } from './support/edge.ts';
import { JobScene } from './support/job.ts';
import { TestNamespace } from './support/namespace.ts';

/** heartbeatTimeout of `attend`, and the grace for a restarted local controller. */
const silentWithinMs = 10_000 + 3_000;

describeTemporal('a node', () => {
  let temporal: TestNamespace;
  beforeAll(async () => {
    temporal = await TestNamespace.open();
    await temporal.control();
  }, 60_000);
  afterAll(() => temporal.close());

  test('is Ready while it attends, Silent when it is gone, and its job says which node is missing', async () => {
    const node = new ScriptedNode(temporal, 'edge-1');
    node.replaceSamples([]);
    const job = new JobScene(temporal, node, 'presence');
    await job.applyAll();
    await job.waiting('NodeUnknown', 'sedna lc --node edge-1');
    await node.start();
    await node.register();
    const { status } = await temporal.view(nodeRef('edge-1'), (view) => expect(view.status['phase']).toBe('Ready'));
    await job.waiting('NoNewSamples');
    await node.stop();
    const silent = await temporal.view(
      nodeRef('edge-1'),
      (view) => expect(view.status['phase']).toBe('Silent'),
      silentWithinMs + 2_000,
    );
    expect(silent.status['waitingFor']).toMatchObject({ reason: 'NodeSilent' });
    await job.waiting('NodeSilent', 'node edge-1 is not connected since');
    await node.start();
    await temporal.view(nodeRef('edge-1'), (view) => expect(view.status['phase']).toBe('Ready'));
    await job.waiting('NoNewSamples');
    expect(status['since']).not.toBe(silent.status['since']);

    // Deleting does not wait for a node that is away.
    await node.stop();
    const began = performance.now();
    await job.say('remove');
    await temporal.ended(job.ref, 30_000);
    expect(performance.now() - began).toBeLessThan(30_000);
  }, 90_000);

  test('a local controller that restarts fast is no blip', async () => {
    const node = await new ScriptedNode(temporal, 'edge-2').start();
    await node.register();
    const ready = await temporal.view(nodeRef('edge-2'), (view) => expect(view.status['phase']).toBe('Ready'));
    await node.stop();
    await node.start();
    await node.register();
    // The new attendance has been taken up once the next one is lost again: until then nobody may have seen a gap.
    const view = await temporal.view(nodeRef('edge-2'));
    expect(view.status).toMatchObject({ phase: 'Ready', since: ready.status['since'] });
    await node.stop();
  }, 30_000);

  test('an unreachable blob store is a reason not to begin', async () => {
    const node = await new ScriptedNode(temporal, 'edge-3').start();
    await node.register({}, { blobStore: { reachable: false, message: 'EACCES /blobs' } });
    node.replaceSamples([]);
    const job = new JobScene(temporal, node, 'blobless');
    await job.applyAll();
    await job.waiting('BlobStoreUnreachable', 'EACCES /blobs');
    await node.register();
    await job.waiting('NoNewSamples');
    await node.stop();
  });
});
