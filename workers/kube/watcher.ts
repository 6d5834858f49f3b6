/**
 * From objects to messages: every change of an object becomes at most one idempotent call to Temporal. No state of its own is
 * needed, so any number of global managers may watch at once, and one that was away for an hour only comes late.
 */
import type { Client } from '@temporalio/client';
import { isApplied, listEntities, signalEntity, tellEntity, viewEntity } from '../../activities/lib/entities.ts';
import { composeApply } from '../../activities/lib/apply.ts';
import { finalizer } from '../../activities/control/kube/objects.ts';
import { isUnknownKind, statusCode, type Kube } from '../../activities/control/kube/client.ts';
import { kinds } from '../../crds/registry.ts';
import type { BlobStore } from '../../sdk/storage/index.ts';
import type { EntityRef } from '../../workflows/lib/ids.ts';
import { signals, type ApplyMessage } from '../../workflows/lib/messages.ts';
import { logger } from '../lib/log.ts';
import { verbValues } from '../../workflows/lib/verbs.ts';
import { decide, type KubeObject } from './decide.ts';
import { KindInformer } from './informer.ts';
import { LatestQueue } from './latest-queue.ts';

const sweepMs = 10 * 60_000;
/** An entity that somebody cancels has ended by then: its teardown takes 20 s at most. */
const endedMs = 30_000;

export interface WatcherDependencies {
  kube: Kube;
  client: Client;
  blobs: BlobStore;
  /** Is shown every object as it is now, and what is gone. */
  observer?: { observe(ref: EntityRef, status: unknown): void; forget(ref: EntityRef): void };
  /** Pause between two full lists; default ten minutes. */
  relistMs?: number;
}

interface Seen {
  ref: EntityRef;
  object: KubeObject;
  deleted: boolean;
  /** Looked at again because its entity may have been ending; once is enough. */
  again?: boolean;
}

export class Watcher {
  readonly #deps: WatcherDependencies;
  readonly #informers: KindInformer[];
  readonly #queue: LatestQueue<Seen>;
  readonly #looks = new Set<NodeJS.Timeout>();
  #sweeper: NodeJS.Timeout | undefined;

  constructor(deps: WatcherDependencies) {
    this.#deps = deps;
    this.#queue = new LatestQueue((item) => this.#handle(item));
    this.#informers = kinds.map(
      (kind) =>
        new KindInformer(
          deps.kube,
          kind,
          {
            changed: (object) => this.#enqueue(kind.kind, object, false),
            deleted: (object) => this.#enqueue(kind.kind, object, true),
          },
          deps.relistMs,
        ),
    );
  }

  start(): void {
    for (const informer of this.#informers) informer.start();
    this.#sweeper = setInterval(() => void this.sweep(), sweepMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#sweeper);
    this.#looks.forEach(clearTimeout);
    this.#queue.stop();
    await Promise.all(this.#informers.map((informer) => informer.stop()));
  }

  /** Kinds whose first list has not been read. */
  get pending(): string[] {
    return this.#informers.filter((informer) => !informer.ready).map((informer) => informer.kind.kind);
  }

  #enqueue(kind: string, object: KubeObject, deleted: boolean): void {
    const { namespace, name, uid } = object.metadata;
    const { observer } = this.#deps;
    if (deleted) observer?.forget({ kind, namespace, name });
    else observer?.observe({ kind, namespace, name }, object.status);
    const routine = !deleted && decide(object) === 'ensure';
    this.#queue.push(uid, { ref: { kind, namespace, name }, object, deleted }, { routine });
  }

  /**
   * A watch or a list may be old, tell things twice, late or in another order (an API server that is behind, a proxy with a cache). So an event
   * is only a hint: what is done is decided on the object as it is now, by a read that no server answers from its cache.
   */
  async #handle({ ref, object, deleted, again = false }: Seen): Promise<void> {
    const { client } = this.#deps;
    const { uid } = object.metadata;
    if (!deleted && !(await this.#isNews(ref, object))) return again ? undefined : this.#lookAgain(ref, object);
    const now = await this.#read(ref, deleted);
    // Normally its entity has dropped the finalizer and ended; if somebody stripped it, this is how the entity learns.
    if (now?.metadata.uid !== uid) await tellEntity(client, ref, signals.remove, { uid });
    if (now !== undefined) await this.#tell(ref, now);
  }

  /** Nothing new is told only to an entity that has no memory of it (ended by hand, Temporal begun anew). */
  async #isNews(ref: EntityRef, object: KubeObject): Promise<boolean> {
    const decision = decide(object);
    if (decision !== 'ensure') return decision !== 'ignore';
    return !(await isApplied(this.#deps.client, ref));
  }

  /** Its finalizer is gone though nobody deletes it: its entity may be ending just now (somebody has cancelled it), and the object stays. */
  #lookAgain(ref: EntityRef, object: KubeObject): void {
    if (decide(object) !== 'ensure' || object.metadata.finalizers?.includes(finalizer) === true) return;
    const look = setTimeout(() => {
      this.#looks.delete(look);
      this.#queue.push(object.metadata.uid, { ref, object, deleted: false, again: true }, { routine: true });
    }, endedMs);
    this.#looks.add(look);
  }

  async #tell(ref: EntityRef, object: KubeObject): Promise<void> {
    const { client, blobs } = this.#deps;
    if (!(await this.#isNews(ref, object))) return;
    const { uid, generation = 1, annotations } = object.metadata;
    if (decide(object) === 'remove') return signalEntity(client, ref, signals.remove, { uid });
    const message = await composeApply(blobs, { ...object, apiVersion: 'sedna.io/v1alpha1', kind: ref.kind });
    const verbs = verbValues(annotations);
    const handled = object.status?.handledVerbs ?? {};
    const applied: ApplyMessage = { ...message, origin: 'kubernetes', uid, generation, verbs, handled };
    await signalEntity(client, ref, signals.apply, applied);
  }

  /** The object as it is now; undefined when there is none. A kind that is not served (yet) is an error, unless it went with its objects. */
  async #read(ref: EntityRef, deleted: boolean): Promise<KubeObject | undefined> {
    const { namespace, name } = ref;
    const plural = this.#informers.find(({ kind }) => kind.kind === ref.kind)?.kind.plural ?? '';
    const path = { group: 'sedna.io', version: 'v1alpha1', namespace, plural, name };
    try {
      return (await this.#deps.kube.objects.getNamespacedCustomObject(path)) as KubeObject;
    } catch (error) {
      if (statusCode(error) === 404 && (deleted || !isUnknownKind(error))) return undefined;
      throw error;
    }
  }

  /** Begins an entity again from its object as it is now, once `end` has ended it. False, and nothing is ended: there is no object. */
  async beginAgain(ref: EntityRef, end: () => Promise<void>): Promise<boolean> {
    const object = await this.#read(ref, true);
    if (object === undefined) return false;
    await end();
    this.#queue.push(object.metadata.uid, { ref, object, deleted: false });
    return true;
  }

  /** Entities whose object is gone without a trace (finalizer stripped, CRD deleted) are told so. Asks the API server, never a cache. */
  async sweep(): Promise<void> {
    try {
      for (const ref of await listEntities(this.#deps.client)) {
        const informer = this.#informers.find(({ kind }) => kind.kind === ref.kind);
        if (informer === undefined || !informer.ready || informer.has(ref.namespace, ref.name)) continue;
        if ((await this.#read(ref, true)) === undefined) await this.#removeOrphan(ref);
      }
    } catch (error) {
      logger.warn({ error: String(error) }, 'orphan sweep failed; the next one comes in ten minutes');
    }
  }

  async #removeOrphan(ref: EntityRef): Promise<void> {
    const view = await viewEntity(this.#deps.client, ref);
    if (view?.origin !== 'kubernetes' || !view.exists) return;
    logger.info({ ...ref }, 'its object is gone: removing');
    await tellEntity(this.#deps.client, ref, signals.remove, { uid: view.metadata.uid });
  }
}
