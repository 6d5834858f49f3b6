/** What entities write to Kubernetes: finalizer, status, annotations, events. Each write is guarded by uid and resourceVersion. */
import { createHash } from 'node:crypto';
import { findKind } from '../../../crds/registry.ts';
import type { EntityRef } from '../../../workflows/lib/ids.ts';
import type { Adopted, KubeEvent, ObjectInput, WriteStatusInput } from '../../contracts.ts';
import { isUnknownKind, mergePatch, statusCode, type Kube } from './client.ts';
import { isTooLarge, shortened } from './too-large.ts';

export const finalizer = 'sedna.io/teardown';
const group = 'sedna.io';
const version = 'v1alpha1';
const attempts = 5;

interface ApiObject {
  metadata: {
    uid: string;
    resourceVersion: string;
    finalizers?: string[];
    annotations?: Record<string, string>;
    deletionTimestamp?: string;
  };
  status?: { sequence?: number; [field: string]: unknown };
}

export class KubeObjects {
  readonly #kube: Kube;

  constructor(kube: Kube) {
    this.#kube = kube;
  }

  async adopt({ ref, uid, recall = [] }: ObjectInput & { recall?: readonly string[] }): Promise<Adopted> {
    const act = async (object: ApiObject, path: ObjectPath): Promise<Adopted> => {
      const { finalizers = [], deletionTimestamp } = object.metadata;
      if (!finalizers.includes(finalizer)) {
        // Deleted before anything was done for it; only somebody else's finalizer keeps it.
        if (deletionTimestamp !== undefined) return { exists: false };
        await this.#patch(path, object, { finalizers: [...finalizers, finalizer] });
      }
      const known = Object.entries(object.status ?? {}).filter(([field]) => recall.includes(field));
      return { exists: true, sequence: object.status?.sequence ?? 0, recalled: Object.fromEntries(known) };
    };
    return this.#guarded(ref, uid, { exists: false }, act, { mayBeUnknown: false });
  }

  async release({ ref, uid }: ObjectInput): Promise<void> {
    await this.#guarded(ref, uid, undefined, async (object, path) => {
      const finalizers = object.metadata.finalizers ?? [];
      if (finalizers.includes(finalizer)) {
        await this.#patch(path, object, { finalizers: finalizers.filter((name) => name !== finalizer) });
      }
      return undefined;
    });
  }

  /** A late writer changes nothing: the sequence of the stored status decides. An object that is gone needs no status. */
  async writeStatus({ ref, uid, status, annotations = {}, events = [] }: WriteStatusInput): Promise<void> {
    await this.#guarded(ref, uid, undefined, async (object, path) => {
      if ((object.status?.sequence ?? 0) <= Number(status['sequence'])) {
        await this.#patchStatus(path, object, status).catch((error: unknown) => {
          const less = isTooLarge(error) ? shortened(status) : undefined;
          if (less === undefined) throw error;
          return this.#patchStatus(path, object, less);
        });
      }
      return undefined;
    });
    const wanted = Object.entries(annotations);
    if (wanted.length > 0) {
      await this.#guarded(ref, uid, undefined, async (object, path) => {
        const known = object.metadata.annotations ?? {};
        if (wanted.some(([key, value]) => known[key] !== value)) await this.#patch(path, object, { annotations });
        return undefined;
      });
    }
    for (const [i, event] of events.entries()) await this.#event(ref, uid, event, `${String(status['sequence'])}.${i}`);
  }

  /** An event that no entity tells, about the object as it is now; one that is gone needs none. `id` makes it another event. */
  async announce(ref: EntityRef, event: KubeEvent, id: string): Promise<void> {
    try {
      const { metadata } = (await this.#kube.objects.getNamespacedCustomObject(pathOf(ref))) as ApiObject;
      await this.#event(ref, metadata.uid, event, id);
    } catch (error) {
      if (statusCode(error) !== 404) throw error;
    }
  }

  /**
   * Reads, checks that it is still the same object, acts; a conflict means that somebody else wrote, so it reads again. `mayBeUnknown`: an object
   * is gone with its kind; else that kind may not be served yet.
   */
  async #guarded<T>(
    ref: EntityRef,
    uid: string,
    absent: T,
    act: (object: ApiObject, path: ObjectPath) => Promise<T>,
    { mayBeUnknown = true } = {},
  ): Promise<T> {
    const path = pathOf(ref);
    for (let attempt = 1; ; attempt++) {
      try {
        const object = (await this.#kube.objects.getNamespacedCustomObject(path)) as ApiObject;
        return object.metadata.uid === uid ? await act(object, path) : absent;
      } catch (error) {
        if (statusCode(error) === 404 && (mayBeUnknown || !isUnknownKind(error))) return absent;
        if (statusCode(error) !== 409 || attempt === attempts) throw error;
      }
    }
  }

  async #patchStatus(path: ObjectPath, object: ApiObject, status: Record<string, unknown>): Promise<void> {
    const { resourceVersion } = object.metadata;
    const body = { metadata: { resourceVersion }, status: replacing(object.status, status) };
    await this.#kube.objects.patchNamespacedCustomObjectStatus({ ...path, body }, mergePatch);
  }

  async #patch(path: ObjectPath, object: ApiObject, metadata: Record<string, unknown>): Promise<void> {
    const { resourceVersion } = object.metadata;
    await this.#kube.objects.patchNamespacedCustomObject(
      { ...path, body: { metadata: { ...metadata, resourceVersion } } },
      mergePatch,
    );
  }

  /** The name is made of what the event says, so writing it again changes nothing. */
  async #event(ref: EntityRef, uid: string, { type, reason, message }: KubeEvent, id: string): Promise<void> {
    const digest = createHash('sha256').update(`${uid}/${id}/${reason}`).digest('hex').slice(0, 16);
    const now = new Date();
    const body = {
      metadata: { name: `${ref.name.slice(0, 200)}.${digest}`, namespace: ref.namespace },
      involvedObject: {
        apiVersion: `${group}/${version}`,
        kind: ref.kind,
        namespace: ref.namespace,
        name: ref.name,
        uid,
      },
      type,
      reason,
      message,
      source: { component: 'sedna' },
      reportingComponent: 'sedna.io/gm',
      reportingInstance: 'gm',
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
    };
    try {
      await this.#kube.core.createNamespacedEvent({ namespace: ref.namespace, body });
    } catch (error) {
      // 409: written by an earlier attempt. 403/404: the namespace is going away, with all its events.
      if (![409, 403, 404].includes(statusCode(error) ?? 0)) throw error;
    }
  }
}

/** A merge patch removes only what it names: what the new value no longer has is named with null. */
function replacing(before: unknown, after: Record<string, unknown>): Record<string, unknown> {
  if (!isPlain(before)) return after;
  const gone = Object.keys(before).filter((key) => after[key] === undefined);
  const kept = Object.entries(after).map(([key, value]) => [
    key,
    isPlain(value) ? replacing(before[key], value) : value,
  ]);
  return { ...Object.fromEntries(gone.map((key) => [key, null])), ...(Object.fromEntries(kept) as object) };
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

interface ObjectPath {
  group: string;
  version: string;
  namespace: string;
  plural: string;
  name: string;
}

function pathOf(ref: EntityRef): ObjectPath {
  const kind = findKind(ref.kind);
  if (kind === undefined) throw new Error(`${ref.kind} is no kind of ${group}/${version}`);
  return { group, version, namespace: ref.namespace, plural: kind.plural, name: ref.name };
}
