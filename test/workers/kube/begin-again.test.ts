/** A job whose history cannot be replayed, nor repeated from where it went wrong: it goes on behind what Kubernetes tells of it. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectKube, mergePatch, type Kube } from '../../../activities/control/kube/client.ts';
import { KubeObjects } from '../../../activities/control/kube/objects.ts';
import { signalEntity } from '../../../activities/lib/entities.ts';
import { openBlobStore } from '../../../sdk/storage/index.ts';
import { Healer, resetReason } from '../../../workers/lib/heal.ts';
import { KubeObjectStore } from '../../../workers/kube/object-store.ts';
import { Watcher } from '../../../workers/kube/watcher.ts';
import { logger } from '../../../workers/lib/log.ts';
import { controlQueue, entityId } from '../../../workflows/lib/ids.ts';
import { eventually } from '../../support/eventually.ts';
import { describeKubernetes, kubernetesAlone, turnMs } from '../../support/stack.ts';
import { TestNamespace } from '../../workflows/support/namespace.ts';

const boundMs = 60_000;

describeKubernetes('a job that cannot be repeated from where its history went wrong', () => {
  const ref = { kind: 'IncrementalLearningJob', namespace: 'default', name: `spoilt-${randomUUID().slice(0, 8)}` };
  const path = {
    group: 'sedna.io',
    version: 'v1alpha1',
    plural: 'incrementallearningjobs',
    namespace: ref.namespace,
    name: ref.name,
  };
  let temporal: TestNamespace;
  let kube: Kube;
  let watcher: Watcher;
  let done: () => void;

  beforeAll(async () => {
    logger.level = 'silent';
    const { kubeconfig, release } = await kubernetesAlone();
    done = release;
    kube = connectKube(kubeconfig);
    temporal = await TestNamespace.open();
    const blobs = openBlobStore(mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? '', 'blobs-')));
    // Not started: what it is told to do is all that it does.
    watcher = new Watcher({ kube, client: temporal.client, blobs });
  }, turnMs);

  afterAll(async () => {
    await watcher.stop();
    await temporal.close();
    done?.();
  });

  test(
    'is ended and begun again, behind the rounds that its status tells of',
    async () => {
      await createJob();
      const spoilt = await spoil();
      await temporal.control(new KubeObjects(kube));
      // Its task is now gone through by the workflow that it is not.
      await signalEntity(temporal.client, ref, 'nothing', {});
      await eventually(async () => expect(await reportsProblem()).toBe(true), boundMs);

      const alone = new Healer({ client: temporal.client });
      expect(await alone.heal()).toEqual([]);
      const objects = new KubeObjects(kube);
      const announce = objects.announce.bind(objects);
      const beginAgain = watcher.beginAgain.bind(watcher);
      const healer = new Healer({ client: temporal.client, announce, beginAgain });
      expect(await healer.heal()).toEqual([entityId(ref)]);

      const { status } = await eventually(async () => {
        const found = (await kube.objects.getNamespacedCustomObject(path)) as { status: Record<string, unknown> };
        expect(found.status['sequence']).toBeGreaterThan(5);
        return found;
      }, boundMs);
      expect(status).toMatchObject({ round: 2, usedSamples: 700 });
      const before = await temporal.client.workflow.getHandle(entityId(ref), spoilt).fetchHistory();
      expect(before.events?.at(-1)?.workflowExecutionTerminatedEventAttributes?.reason).toContain(resetReason);
      await eventually(async () => {
        const events = await new KubeObjectStore(kube).events(ref);
        expect(events.map(({ reason }) => reason)).toEqual(expect.arrayContaining(['HistoryReset', 'Recalled']));
      }, boundMs);
      expect(await healer.heal()).toEqual([]);
    },
    3 * boundMs,
  );

  async function createJob(): Promise<void> {
    const template = { spec: { nodeName: 'edge', containers: [{ image: 'sedna/train:v1', name: 'train' }] } };
    const body = {
      apiVersion: 'sedna.io/v1alpha1',
      kind: ref.kind,
      metadata: { name: ref.name, namespace: ref.namespace },
      spec: {
        outputDir: '/output',
        dataset: { name: 'none', trainProb: 0.8 },
        initialModel: { name: 'none' },
        trainSpec: {
          template,
          trigger: {
            checkPeriodSeconds: 60,
            timer: { start: '00:00', end: '24:00' },
            condition: { operator: '>', threshold: 500, metric: 'num_of_samples' },
          },
        },
        evalSpec: { template },
        deploySpec: {
          model: { name: 'none', hotUpdateEnabled: false, pollPeriodSeconds: 60 },
          trigger: { condition: { operator: '>', threshold: 0.1, metric: 'precision_delta' } },
          hardExampleMining: { name: 'IBT' },
          template,
        },
      },
    };
    await kube.objects.createNamespacedCustomObject({ ...path, body });
    const status = { observedGeneration: 1, sequence: 5, round: 2, usedSamples: 700, conditions: [] };
    await kube.objects.patchNamespacedCustomObjectStatus({ ...path, body: { status } }, mergePatch);
  }

  /** Runs it as another code would, up to its first round; returns the id of that run. */
  async function spoil(): Promise<string> {
    const workflowsPath = fileURLToPath(new URL('../support/earlier-job.ts', import.meta.url));
    const workflowBundle = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') });
    const worker = await temporal.work({ taskQueue: controlQueue, workflowBundle });
    await signalEntity(temporal.client, ref, 'nothing', {});
    const handle = temporal.client.workflow.getHandle(entityId(ref));
    await eventually(async () => {
      const { events } = await handle.fetchHistory();
      expect(events?.some((event) => event.childWorkflowExecutionStartedEventAttributes)).toBe(true);
    }, boundMs);
    await temporal.stop(worker);
    return (await handle.describe()).runId;
  }

  async function reportsProblem(): Promise<boolean> {
    const query = `WorkflowId = "${entityId(ref)}" AND TemporalReportedProblems IS NOT NULL`;
    return (await temporal.client.workflow.count(query)).count > 0;
  }
});
