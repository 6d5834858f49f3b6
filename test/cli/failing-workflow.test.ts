import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { fileURLToPath } from 'node:url';
import { Registry } from 'prom-client';
import { signalEntity } from '../../activities/lib/entities.ts';
import { brokenCall } from '../../cli/lib/broken-call.ts';
import { StandaloneStore } from '../../cli/lib/standalone-store.ts';
import { openBlobStore } from '../../sdk/storage/index.ts';
import { ObjectMetrics, observeEntities } from '../../workers/lib/object-metrics.ts';
import { controlQueue, entityId } from '../../workflows/lib/ids.ts';
import { signals } from '../../workflows/lib/messages.ts';
import { eventually } from '../support/eventually.ts';
import { describeTemporal } from '../support/stack.ts';
import { TestNamespace } from '../workflows/support/namespace.ts';

describeTemporal('an object whose workflow fails', () => {
  const ref = { kind: 'FederatedLearningJob', namespace: 'default', name: 'broken' };
  let temporal: TestNamespace;
  let objects: StandaloneStore;

  beforeAll(async () => {
    temporal = await TestNamespace.open();
    objects = new StandaloneStore(temporal.client, openBlobStore(process.env['TEST_RUN_DIR'] ?? '/tmp'));
    const workflowsPath = fileURLToPath(new URL('support/failing-workflow.cjs', import.meta.url));
    await temporal.work({ taskQueue: controlQueue, workflowsPath });
    await signalEntity(temporal.client, ref, signals.apply, {});
    await eventually(async () => {
      const { raw } = await temporal.client.workflow.getHandle(entityId(ref)).describe();
      expect(raw.pendingWorkflowTask?.attempt).toBeGreaterThan(3);
    }, 60_000);
  }, 120_000);
  afterAll(() => temporal.close());

  test('is in the list, with the reason', async () => {
    const listed = await eventually(async () => {
      const found = await objects.list(ref.kind, 'default');
      expect(found).toHaveLength(1);
      return found;
    }, 30_000);
    const message = expect.stringMatching(/Workflow Task in failed state/) as unknown;
    expect(listed).toMatchObject([
      {
        kind: ref.kind,
        metadata: { name: 'broken', namespace: 'default' },
        status: { phase: 'Unknown', waitingFor: { reason: 'WorkflowFailing', message } },
      },
    ]);
  }, 60_000);

  test('is missing from the metrics, and nothing else is', async () => {
    await signalEntity(temporal.client, { kind: 'Dataset', namespace: 'default', name: 'well' }, signals.apply, {});
    const page = await eventually(async () => {
      const registry = new Registry();
      await observeEntities(temporal.client, new ObjectMetrics(registry))();
      const text = await registry.metrics();
      expect(text).toContain('name="well"');
      return text;
    }, 30_000);
    expect(page).not.toContain('name="broken"');
  }, 60_000);

  test('is not taken for a global manager that is away', async () => {
    const error: unknown = await objects.get(ref).catch((reason: unknown) => reason);
    expect(brokenCall(error, { temporal: 'localhost:7233' })).toMatchObject({
      code: 'WorkflowFailing',
      message: expect.stringMatching(/^the workflow of the object fails: .*Workflow Task in failed state/) as unknown,
    });
  }, 60_000);
});
