import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { connectKube, type Kube } from '../../../activities/control/kube/client.ts';
import { KubeObjects } from '../../../activities/control/kube/objects.ts';
import { describeKubernetes, kubernetesAlone, turnMs } from '../../support/stack.ts';

describeKubernetes('a status that makes its object too large', () => {
  let kube: Kube;
  let done: () => void;
  beforeAll(async () => {
    const { kubeconfig, release } = await kubernetesAlone();
    done = release;
    kube = connectKube(kubeconfig);
  }, turnMs);
  afterAll(() => done?.());

  const path = { group: 'sedna.io', version: 'v1alpha1', namespace: 'default', plural: 'datasets' };
  const ref = { kind: 'Dataset', namespace: 'default', name: 'large-status' };
  const get = async () =>
    (await kube.objects.getNamespacedCustomObject({ ...path, name: ref.name })) as {
      metadata: { uid: string };
      status?: Record<string, unknown>;
    };

  // The one limit is etcd's, the other that of its client.
  test.each([24_000, 35_000])(
    'is written without its list of %i clients, and says so',
    async (count) => {
      const spec = { url: '/d/x.txt', format: 'txt', nodeName: 'edge-1' };
      const body = { apiVersion: 'sedna.io/v1alpha1', kind: 'Dataset', metadata: { name: ref.name }, spec };
      await kube.objects.createNamespacedCustomObject({ ...path, body });
      try {
        const { uid } = (await get()).metadata;
        const objects = new KubeObjects(kube);
        const clients = (of: number) =>
          Array.from({ length: of }, (_, i) => ({
            client: String(i),
            dataset: `edge-data-${i}`,
            node: `edge-node-${i}`,
          }));
        await objects.writeStatus({ ref, uid, status: { sequence: 1, phase: 'Running', clients: clients(3) } });
        expect((await get()).status?.['clients']).toHaveLength(3);
        const waitingFor = { reason: 'Collecting', message: 'round 1', missing: ['1', '2'] };
        await objects.writeStatus({
          ref,
          uid,
          status: { sequence: 2, phase: 'Running', waitingFor, clients: clients(count) },
        });
        const { status } = await get();
        expect(status).toMatchObject({ sequence: 2, phase: 'Running', leftOut: expect.stringContaining('clients: ') });
        expect(status?.['waitingFor']).toEqual({ reason: 'Collecting', message: 'round 1' });
        expect(status).not.toHaveProperty('clients');
        await objects.writeStatus({ ref, uid, status: { sequence: 3, phase: 'Running', clients: clients(3) } });
        expect((await get()).status).not.toHaveProperty('leftOut');
      } finally {
        await kube.objects.deleteNamespacedCustomObject({ ...path, name: ref.name });
      }
    },
    60_000,
  );
});
