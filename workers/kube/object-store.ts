/** Objects in a cluster, as the command line reads and writes them. */
import { findKind } from '../../crds/registry.ts';
import type { Manifest } from '../../crds/lib/kind.ts';
import type { EntityRef } from '../../workflows/lib/ids.ts';
import { isUnknownKind, serverSideApply, statusCode, type Kube } from '../../activities/control/kube/client.ts';

const group = 'sedna.io';
const version = 'v1alpha1';

export type Applied = 'created' | 'configured' | 'unchanged';

export class KubeObjectStore {
  readonly #kube: Kube;

  constructor(kube: Kube) {
    this.#kube = kube;
  }

  async apply(manifest: Manifest): Promise<Applied> {
    const path = pathOf({
      kind: manifest.kind,
      namespace: manifest.metadata.namespace ?? 'default',
      name: manifest.metadata.name,
    });
    const before = await this.#read(path);
    const body = { ...manifest, metadata: { ...manifest.metadata, namespace: path.namespace } };
    const request = { ...path, body, fieldManager: 'sedna', force: true };
    const after = (await this.#kube.objects.patchNamespacedCustomObject(request, serverSideApply)) as Manifest;
    if (before === undefined) return 'created';
    return before.metadata.resourceVersion === after.metadata.resourceVersion ? 'unchanged' : 'configured';
  }

  async get(ref: EntityRef): Promise<Manifest | undefined> {
    return this.#read(pathOf(ref));
  }

  /** All of a kind, in one namespace or (undefined) in all. */
  async list(kind: string, namespace: string | undefined): Promise<Manifest[]> {
    const { plural } = pathOf({ kind, namespace: '', name: '' });
    const path = { group, version, plural };
    const found = (await (namespace === undefined
      ? this.#kube.objects.listClusterCustomObject(path)
      : this.#kube.objects.listNamespacedCustomObject({ ...path, namespace }))) as { items: Manifest[] };
    return found.items;
  }

  /** False when there is none. */
  async delete(ref: EntityRef): Promise<boolean> {
    try {
      await this.#kube.objects.deleteNamespacedCustomObject(pathOf(ref));
      return true;
    } catch (error) {
      if (statusCode(error) === 404) return false;
      throw error;
    }
  }

  /** Newest last. */
  async events(ref: EntityRef): Promise<{ time: string; type: string; reason: string; message: string }[]> {
    const fieldSelector = `involvedObject.name=${ref.name},involvedObject.kind=${ref.kind}`;
    const { items } = await this.#kube.core.listNamespacedEvent({ namespace: ref.namespace, fieldSelector });
    return items
      .map(({ lastTimestamp, type = '', reason = '', message = '' }) => ({
        time: lastTimestamp === undefined ? '' : new Date(lastTimestamp).toISOString(),
        type,
        reason,
        message,
      }))
      .sort((a, b) => a.time.localeCompare(b.time));
  }

  async #read(path: ReturnType<typeof pathOf>): Promise<Manifest | undefined> {
    try {
      return (await this.#kube.objects.getNamespacedCustomObject(path)) as Manifest;
    } catch (error) {
      if (statusCode(error) === 404 && !isUnknownKind(error)) return undefined;
      throw error;
    }
  }
}

function pathOf(ref: EntityRef) {
  const kind = findKind(ref.kind);
  if (kind === undefined) throw new Error(`${ref.kind} is no kind of ${group}/${version}`);
  return { group, version, namespace: ref.namespace, plural: kind.plural, name: ref.name };
}
