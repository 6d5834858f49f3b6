import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { finalizer, KubeObjects } from '../../../activities/control/kube/objects.ts';
import { viewEntity } from '../../../activities/lib/entities.ts';
import { kinds } from '../../../crds/registry.ts';
import { openBlobStore } from '../../../sdk/storage/index.ts';
import { entityId } from '../../../workflows/lib/ids.ts';
import { connectKube, mergePatch, type Kube } from '../../../activities/control/kube/client.ts';
import { Watcher } from '../../../workers/kube/watcher.ts';
import { logger } from '../../../workers/lib/log.ts';
import { eventually } from '../../support/eventually.ts';
import { describeKubernetes, kubernetesAlone, turnMs } from '../../support/stack.ts';
import { TestNamespace } from '../../workflows/support/namespace.ts';
import { CuttableProxy } from '../support/proxy.ts';

interface ApiObject {
  metadata: {
    uid: string;
    generation: number;
    finalizers?: string[];
    deletionTimestamp?: string;
    annotations?: Record<string, string>;
  };
  spec: Record<string, unknown>;
  status?: Record<string, unknown> & { sequence?: number; phase?: string };
}

describeKubernetes('objects in a real API server and their entities', () => {
  const namespace = 'default';
  let temporal: TestNamespace;
  let kube: Kube;
  let proxied: Kube;
  let proxy: CuttableProxy;
  const watchers: Watcher[] = [];
  let done: () => void;

  beforeAll(async () => {
    logger.level = 'silent';
    const { kubeconfig, release } = await kubernetesAlone();
    done = release;
    kube = connectKube(kubeconfig);
    const server = new URL(kube.config.getCurrentCluster()?.server ?? '');
    proxy = await CuttableProxy.to(Number(server.port));
    proxied = connectKube(through(proxy, kubeconfig));
    temporal = await TestNamespace.open();
    await temporal.control(new KubeObjects(kube));
    watch(proxied);
    await eventually(() => expect(watchers[0]?.pending).toEqual([]));
  }, turnMs);
  afterEach(async () => {
    for (const watcher of watchers.splice(1)) await watcher.stop();
  });
  afterAll(async () => {
    for (const watcher of watchers) await watcher.stop();
    proxy?.close();
    await temporal?.close();
    done?.();
  });

  function through({ port }: CuttableProxy, kubeconfig: string): string {
    const config = parse(readFileSync(kubeconfig, 'utf8')) as { clusters: { cluster: { server: string } }[] };
    const [first] = config.clusters;
    if (first) first.cluster.server = `https://127.0.0.1:${port}`;
    const path = join(mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? '', 'proxied-')), 'kubeconfig');
    writeFileSync(path, stringify(config));
    return path;
  }

  function watch(by: Kube, relistMs?: number): Watcher {
    const blobs = openBlobStore(mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? '', 'blobs-')));
    const watcher = new Watcher({ kube: by, client: temporal.client, blobs, ...(relistMs && { relistMs }) });
    watcher.start();
    watchers.push(watcher);
    return watcher;
  }

  const path = (name: string, kind = 'Model') => ({
    group: 'sedna.io',
    version: 'v1alpha1',
    namespace,
    plural: kinds.find((known) => known.kind === kind)?.plural ?? '',
    name,
  });
  const ref = (name: string, kind = 'Model') => ({ kind, namespace, name });
  const get = async (name: string, kind?: string) =>
    (await kube.objects.getNamespacedCustomObject(path(name, kind))) as ApiObject;

  async function create(name: string, annotations: Record<string, string> = {}): Promise<void> {
    const body = {
      apiVersion: 'sedna.io/v1alpha1',
      kind: 'Model',
      metadata: { name, namespace, annotations },
      spec: { url: '/m.onnx', format: 'onnx' },
    };
    await kube.objects.createNamespacedCustomObject({ ...path(name), body });
  }

  const patch = (name: string, body: object) =>
    kube.objects.patchNamespacedCustomObject({ ...path(name), body }, mergePatch);

  /** The object once it matches. */
  const object = (name: string, expected: object, boundMs = 15_000) =>
    eventually(async () => {
      const found = await get(name);
      expect(found).toMatchObject(expected);
      return found;
    }, boundMs);

  const gone = (name: string, boundMs = 15_000) =>
    eventually(async () => {
      await expect(get(name)).rejects.toMatchObject({ code: 404 });
    }, boundMs);

  test('apply, edit, delete: finalizer, status, generation, and an entity that ends with its object', async () => {
    await create('flow');
    const applied = await object('flow', {
      status: { phase: 'Initial', observedGeneration: 1 },
    });
    expect(applied.metadata.finalizers).toEqual([finalizer]);
    expect(await viewEntity(temporal.client, ref('flow'))).toMatchObject({
      origin: 'kubernetes',
      metadata: { uid: applied.metadata.uid, generation: 1 },
    });
    await patch('flow', { spec: { url: '/other.onnx' } });
    const edited = await object('flow', { status: { observedGeneration: 2 } });
    expect(edited.status?.sequence).toBeGreaterThan(applied.status?.sequence ?? 0);
    await kube.objects.deleteNamespacedCustomObject(path('flow'));
    await gone('flow');
    await temporal.ended(ref('flow'));
  });

  test('deleted and created again at once', async () => {
    await create('again');
    const before = await object('again', { status: { phase: 'Initial' } });
    await kube.objects.deleteNamespacedCustomObject(path('again'));
    await gone('again');
    await create('again');
    const after = await object('again', { status: { phase: 'Initial' } });
    expect(after.metadata.uid).not.toBe(before.metadata.uid);
    expect((await viewEntity(temporal.client, ref('again')))?.metadata.uid).toBe(after.metadata.uid);
    await kube.objects.deleteNamespacedCustomObject(path('again'));
    await gone('again');
  });

  test('a kind without workflow, and what it says', async () => {
    const body = {
      apiVersion: 'sedna.io/v1alpha1',
      kind: 'ReidJob',
      metadata: { name: 'later', namespace },
      spec: { template: { spec: { containers: [{ name: 'w', image: 'i' }] } } },
    };
    await kube.objects.createNamespacedCustomObject({ ...path('later', 'ReidJob'), body });
    await eventually(async () =>
      expect((await get('later', 'ReidJob')).status).toMatchObject({ waitingFor: { reason: 'NotSupportedYet' } }),
    );
    await kube.objects.deleteNamespacedCustomObject(path('later', 'ReidJob'));
    await temporal.ended(ref('later', 'ReidJob'));
  });

  test('annotation verbs act once per value, also with several watchers, and are refused with an event', async () => {
    watch(kube);
    watch(kube);
    await create('verbs', { 'sedna.io/trigger': 'one' });
    await object('verbs', { status: { handledVerbs: { trigger: 'one' }, refused: { verb: 'trigger' } } });
    watch(kube);
    await patch('verbs', { metadata: { annotations: { 'sedna.io/trigger': 'two' } } });
    await object('verbs', { status: { handledVerbs: { trigger: 'two' } } });
    const refusals = async () => {
      const fieldSelector = 'involvedObject.name=verbs,reason=Refused';
      return (await kube.core.listNamespacedEvent({ namespace, fieldSelector })).items;
    };
    await eventually(async () => expect(await refusals()).toHaveLength(2));
    expect((await refusals())[0]).toMatchObject({ type: 'Warning', message: 'trigger: a Model knows no trigger' });
    // `retry` is accepted: the refusal of before is no longer said.
    await patch('verbs', { metadata: { annotations: { 'sedna.io/retry': 'x' } } });
    await object('verbs', { status: { handledVerbs: { trigger: 'two', retry: 'x' } } });
    await eventually(async () => expect((await get('verbs')).status).not.toHaveProperty('refused'));
    expect(await refusals()).toHaveLength(2);
    await kube.objects.deleteNamespacedCustomObject(path('verbs'));
    await gone('verbs');
  });

  test('cut watches, and a server that is away: nothing is missed', async () => {
    await create('before-cut');
    await object('before-cut', { status: { phase: 'Initial' } });
    proxy.down = true;
    proxy.cut();
    await create('during-cut');
    await patch('before-cut', { spec: { url: '/during.onnx' } });
    await kube.objects.deleteNamespacedCustomObject(path('before-cut'));
    await create('short-lived');
    proxy.down = false;
    await object('during-cut', { status: { phase: 'Initial' } });
    await gone('before-cut');
    await object('short-lived', { status: { phase: 'Initial' } });
    proxy.cut();
    await patch('during-cut', { spec: { url: '/after.onnx' } });
    await object('during-cut', { status: { observedGeneration: 2 } });
    for (const name of ['during-cut', 'short-lived']) {
      await kube.objects.deleteNamespacedCustomObject(path(name));
      await gone(name);
    }
  }, 60_000);

  test('an entity that was terminated by hand is there again, with a status that is newer than the old one', async () => {
    await create('terminated');
    await object('terminated', { metadata: { finalizers: [finalizer] }, status: { phase: 'Initial' } });
    await patch('terminated', { metadata: { annotations: { 'sedna.io/trigger': 'one' } } });
    const before = await object('terminated', { status: { handledVerbs: { trigger: 'one' } } });
    await temporal.client.workflow.getHandle(entityId(ref('terminated'))).terminate('by hand');
    watch(kube);
    const sequence = before.status?.sequence ?? 0;
    await eventually(async () => expect((await get('terminated')).status?.sequence).toBeGreaterThan(sequence));
    const view = await viewEntity(temporal.client, ref('terminated'));
    expect(view?.status).toMatchObject({ phase: 'Initial', handledVerbs: { trigger: 'one' } });
    expect(view?.status).not.toHaveProperty('refused');
    await kube.objects.deleteNamespacedCustomObject(path('terminated'));
    await gone('terminated');
  });

  test('an entity that nobody hears end is found missing by the next list, without a new manager', async () => {
    const watcher = watch(kube, 2_000);
    await eventually(() => expect(watcher.pending).toEqual([]));
    await create('unheard');
    await object('unheard', { metadata: { finalizers: [finalizer] }, status: { phase: 'Initial' } });
    for (const end of ['terminate', 'cancel'] as const) {
      const before = temporal.client.workflow.getHandle(entityId(ref('unheard')));
      const { runId } = await before.describe();
      await before[end]();
      await eventually(async () => {
        const now = await temporal.client.workflow.getHandle(entityId(ref('unheard'))).describe();
        expect(now).toMatchObject({ status: { name: 'RUNNING' } });
        expect(now.runId).not.toBe(runId);
      }, 30_000);
      await object('unheard', { metadata: { finalizers: [finalizer] } });
    }
    await kube.objects.deleteNamespacedCustomObject(path('unheard'));
    await gone('unheard');
  }, 90_000);

  test('an object whose finalizer was stripped: its entity ends, by the watch or by the sweep', async () => {
    await create('stripped');
    await object('stripped', { status: { phase: 'Initial' } });
    proxy.down = true;
    proxy.cut();
    await patch('stripped', { metadata: { finalizers: null } });
    await kube.objects.deleteNamespacedCustomObject(path('stripped'));
    await gone('stripped');
    // A watcher that never saw the object: only the sweep can tell it.
    const late = watch(kube);
    await eventually(() => expect(late.pending).toEqual([]));
    await eventually(async () => {
      await late.sweep();
      await temporal.ended(ref('stripped'), 500);
    });
    proxy.down = false;
  }, 30_000);

  test('a late status never overwrites a newer one, and another uid is never written to', async () => {
    const objects = new KubeObjects(kube);
    await create('guarded');
    const { metadata, status } = await object('guarded', { status: { phase: 'Initial' } });
    const { uid } = metadata;
    const write = (sequence: number, phase: string, id = uid) =>
      objects.writeStatus({ ref: ref('guarded'), uid: id, status: { ...status, sequence, phase } });
    await write(1_000, 'Newer');
    await write(999, 'Late');
    await write(2_000, 'Foreign', 'another');
    expect((await get('guarded')).status).toMatchObject({ phase: 'Newer', sequence: 1_000 });
    await objects.writeStatus({ ref: ref('not-there'), uid, status: { sequence: 1, phase: 'x' } });
    expect(await objects.adopt({ ref: ref('not-there'), uid })).toEqual({ exists: false });
    expect(await objects.adopt({ ref: ref('guarded'), uid: 'another' })).toEqual({ exists: false });
    await objects.release({ ref: ref('guarded'), uid: 'another' });
    expect((await get('guarded')).metadata.finalizers).toEqual([finalizer]);
    await kube.objects.deleteNamespacedCustomObject(path('guarded'));
    await gone('guarded');
  });
});
