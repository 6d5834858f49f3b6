/** F9, F10: a watcher whose view of the API server is old, has gaps, repeats and jumps ends with the same state, and undoes nothing. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectKube, mergePatch, type Kube } from '../../../activities/control/kube/client.ts';
import { finalizer, KubeObjects } from '../../../activities/control/kube/objects.ts';
import { viewEntity } from '../../../activities/lib/entities.ts';
import { Random } from '../../../sdk/estimators/onnx/random.ts';
import { openBlobStore } from '../../../sdk/storage/index.ts';
import { Watcher } from '../../../workers/kube/watcher.ts';
import { logger } from '../../../workers/lib/log.ts';
import { entityId } from '../../../workflows/lib/ids.ts';
import { eventually } from '../../support/eventually.ts';
import { describeKubernetes, kubernetesAlone, turnMs } from '../../support/stack.ts';
import { TestNamespace } from '../../workflows/support/namespace.ts';
import { WatchProxy, type Distortion } from '../support/watch-proxy.ts';

interface Found {
  metadata: { uid: string; generation: number; finalizers?: string[] };
  status?: { observedGeneration?: number; phase?: string; handledVerbs?: Record<string, string> };
}

const list = '/apis/sedna.io/v1alpha1/models';
const boundMs = 40_000;

describeKubernetes('a view that is not the present', () => {
  let temporal: TestNamespace;
  let kube: Kube;
  let proxy: WatchProxy;
  let watcher: Watcher;
  let done: () => void;

  beforeAll(async () => {
    logger.level = 'silent';
    const { kubeconfig, release } = await kubernetesAlone();
    done = release;
    kube = connectKube(kubeconfig);
    proxy = await WatchProxy.before(kube);
    temporal = await TestNamespace.open();
    await temporal.control(new KubeObjects(kube));
    const folder = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? '', 'stale-'));
    writeFileSync(join(folder, 'kubeconfig'), proxy.kubeconfig);
    const blobs = openBlobStore(join(folder, 'blobs'));
    watcher = new Watcher({ kube: connectKube(join(folder, 'kubeconfig')), client: temporal.client, blobs });
    watcher.start();
    await eventually(() => expect(watcher.pending).toEqual([]), boundMs);
  }, turnMs);
  afterAll(async () => {
    await watcher?.stop();
    proxy?.close();
    await temporal?.close();
    done?.();
  });

  const path = (name: string) => ({
    group: 'sedna.io',
    version: 'v1alpha1',
    namespace: 'default',
    plural: 'models',
    name,
  });
  const ref = (name: string) => ({ kind: 'Model', namespace: 'default', name });
  const get = async (name: string) => (await kube.objects.getNamespacedCustomObject(path(name))) as Found;
  const remove = (name: string) => kube.objects.deleteNamespacedCustomObject(path(name));
  const edit = (name: string, body: object) =>
    kube.objects.patchNamespacedCustomObject({ ...path(name), body }, mergePatch);

  async function create(name: string, annotations: Record<string, string> = {}): Promise<void> {
    const head = { apiVersion: 'sedna.io/v1alpha1', kind: 'Model', metadata: { name, annotations } };
    const body = { ...head, spec: { url: '/m.onnx', format: 'onnx' } };
    await kube.objects.createNamespacedCustomObject({ ...path(name), body });
  }

  /** Its entity is of this object, has seen its newest generation, and says so. */
  const settled = (name: string) =>
    eventually(async () => {
      const object = await get(name);
      const { uid, generation } = object.metadata;
      expect(object).toMatchObject({
        metadata: { finalizers: [finalizer] },
        status: { observedGeneration: generation, phase: 'Initial' },
      });
      const view = await viewEntity(temporal.client, ref(name));
      expect(view?.metadata).toMatchObject({ uid, generation });
      return object;
    }, boundMs);

  const gone = async (name: string) => {
    await eventually(() => expect(get(name)).rejects.toMatchObject({ code: 404 }), boundMs);
    await temporal.ended(ref(name), boundMs);
  };

  /** Its present life: another one after it means that it was ended meanwhile. */
  const life = async (name: string) => (await temporal.client.workflow.getHandle(entityId(ref(name))).describe()).runId;

  /** How often the entity of this name has let go of its object, in its present life. */
  async function releases(name: string): Promise<number> {
    const { events } = await temporal.client.workflow.getHandle(entityId(ref(name))).fetchHistory();
    return (events ?? []).filter(({ activityTaskScheduledEventAttributes: of }) => of?.activityType?.name === 'release')
      .length;
  }

  const refusals = async (name: string) => {
    const fieldSelector = `involvedObject.name=${name},reason=Refused`;
    return (await kube.core.listNamespacedEvent({ namespace: 'default', fieldSelector })).items.length;
  };

  test('a list from before: what is younger is not taken away, what was reborn is not made old', async () => {
    await create('reborn');
    await create('canary');
    await settled('reborn');
    await settled('canary');
    await edit('reborn', { metadata: { annotations: { 'sedna.io/trigger': 'one' } } });
    await eventually(
      async () => expect((await get('reborn')).status?.handledVerbs).toEqual({ trigger: 'one' }),
      boundMs,
    );
    await proxy.remember(list);
    await remove('reborn');
    await gone('reborn');
    await create('reborn');
    await create('young');
    const [reborn, young] = [await settled('reborn'), await settled('young')];
    const lives = [await life('reborn'), await life('young')];
    proxy.isBehind = true;
    proxy.expire();
    await eventually(() => expect(proxy.oldLists.get(list) ?? 0).toBeGreaterThan(0), boundMs);
    // What it learns next it learns after that list.
    await edit('canary', { spec: { url: '/after.onnx' } });
    await settled('canary');
    proxy.isBehind = false;
    proxy.expire();
    await edit('canary', { spec: { url: '/again.onnx' } });
    await settled('canary');
    expect((await settled('reborn')).metadata.uid).toBe(reborn.metadata.uid);
    expect((await settled('young')).metadata.uid).toBe(young.metadata.uid);
    expect([await life('reborn'), await life('young')]).toEqual(lives);
    expect([await releases('reborn'), await releases('young')]).toEqual([0, 0]);
    for (const name of ['reborn', 'canary', 'young']) await remove(name);
    for (const name of ['reborn', 'canary', 'young']) await gone(name);
  }, 120_000);

  test.each([1, 2])(
    'events that are lost, repeated, late and from long ago (seed %i): the same end',
    async (seed) => {
      const name = (what: string) => `${what}-${seed}`;
      proxy.distort = distortion(new Random(seed));
      await create(name('kept'), { 'sedna.io/trigger': 'one' });
      await create(name('moved'));
      await create(name('deleted'));
      await insist(name('kept'));
      await insist(name('moved'));
      for (const value of ['two', 'three']) {
        await edit(name('kept'), { spec: { url: `/${value}.onnx` } });
        await edit(name('kept'), { metadata: { annotations: { 'sedna.io/trigger': value } } });
        await insist(name('kept'), value);
      }
      await remove(name('moved'));
      await remove(name('deleted'));
      await insistGone(name('moved'));
      await create(name('moved'));
      await insist(name('moved'));
      const lives = [await life(name('kept')), await life(name('moved'))];
      // The object before it, if its entity had not ended yet.
      const released = await releases(name('moved'));
      await edit(name('moved'), { spec: { url: '/x.onnx' } });
      proxy.distort = undefined;
      proxy.expire();
      await settled(name('kept'));
      await settled(name('moved'));
      await gone(name('deleted'));
      expect((await get(name('kept'))).status?.handledVerbs).toEqual({ trigger: 'three' });
      // Each value was acted upon once, and the entity never let go.
      expect(await refusals(name('kept'))).toBe(3);
      expect([await life(name('kept')), await life(name('moved'))]).toEqual(lives);
      expect(await releases(name('kept'))).toBe(0);
      expect(await releases(name('moved'))).toBe(released);
      for (const what of ['kept', 'moved']) await remove(name(what));
      for (const what of ['kept', 'moved']) await gone(name(what));
    },
    120_000,
  );

  /** An event that was lost is made up for by the next list: until it has come through, watches expire. */
  async function insist(name: string, trigger?: string): Promise<void> {
    await eventually(async () => {
      const { metadata, status } = await get(name);
      if (status?.observedGeneration !== metadata.generation) proxy.expire();
      if (trigger !== undefined && status?.handledVerbs?.['trigger'] !== trigger) proxy.expire();
      expect(status?.observedGeneration).toBe(metadata.generation);
      if (trigger !== undefined) expect(status?.handledVerbs).toEqual({ trigger });
    }, boundMs);
  }

  async function insistGone(name: string): Promise<void> {
    await eventually(async () => {
      const found = await get(name).catch(() => undefined);
      if (found !== undefined) proxy.expire();
      expect(found).toBeUndefined();
    }, boundMs);
  }
});

/** A third of the events is lost; others come twice, after the next one, or with some of long ago before and behind them. */
function distortion(random: Random): Distortion {
  let late: Parameters<Distortion>[0][] = [];
  const some = <T>(of: readonly T[]): T[] =>
    of.length === 0 ? [] : [of[Math.floor(random.uniform() * of.length)] as T];
  return (event, before) => {
    const held = late;
    late = [];
    const dice = Math.floor(random.uniform() * 6);
    if (dice < 2) return held;
    if (dice === 2) return [event, ...held, event];
    if (dice === 3) {
      late = [event];
      return held;
    }
    return dice === 4 ? [...some(before), event, ...some(before), ...held] : [event, ...held];
  };
}
