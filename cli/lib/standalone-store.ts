/** Objects without Kubernetes: each is its entity, asked and told directly. */
import type { Client } from '@temporalio/client';
import { composeApply } from '../../activities/lib/apply.ts';
import { isBlobLost } from '../../activities/lib/failure.ts';
import { listEntities, signalEntity, tellEntity, viewEntity } from '../../activities/lib/entities.ts';
import { API_VERSION, type Manifest } from '../../crds/lib/kind.ts';
import type { BlobStore } from '../../sdk/storage/index.ts';
import type { EntityRef } from '../../workflows/lib/ids.ts';
import { signals, type EntityView } from '../../workflows/lib/messages.ts';
import { verbValues } from '../../workflows/lib/verbs.ts';
import { failingStatus, isFailingWorkflow } from './broken-call.ts';
import { CliError } from './errors.ts';
import type { ObjectStore } from './object-store.ts';

export class StandaloneStore implements ObjectStore {
  readonly #client: Client;
  readonly #blobs: BlobStore;

  constructor(client: Client, blobs: BlobStore) {
    this.#client = client;
    this.#blobs = blobs;
  }

  async apply(manifest: Manifest): Promise<'created' | 'configured' | 'unchanged'> {
    const ref = {
      kind: manifest.kind,
      namespace: manifest.metadata.namespace ?? 'default',
      name: manifest.metadata.name,
    };
    const named = { ...manifest, metadata: { ...manifest.metadata, namespace: ref.namespace } };
    const before = await viewEntity(this.#client, ref);
    refuseKept(before, ref);
    const message = await composeApply(this.#blobs, named);
    const verbs = verbValues(manifest.metadata.annotations);
    await signalEntity(this.#client, ref, signals.apply, { ...message, origin: 'standalone', verbs });
    if (before?.exists !== true) return 'created';
    return before.manifest?.sha256 === message.manifest?.sha256 ? 'unchanged' : 'configured';
  }

  async get(ref: EntityRef): Promise<Manifest | undefined> {
    const view = await viewEntity(this.#client, ref);
    if (view === undefined || view.metadata.uid === undefined) return undefined;
    return { ...(await this.#appliedOf(view)), status: view.status };
  }

  async list(kind: string, namespace: string | undefined): Promise<Manifest[]> {
    const refs = await listEntities(this.#client, kind, namespace);
    const found = await Promise.all(
      refs.map((ref) =>
        this.#listed(ref).catch((error: unknown) => {
          if (isFailingWorkflow(error)) return unanswered(ref, error);
          throw error;
        }),
      ),
    );
    return found.filter((object) => object !== undefined);
  }

  /** As `get`; one whose manifest the blob store has lost shows what its entity knows of it, and does not hide the others. */
  async #listed(ref: EntityRef): Promise<Manifest | undefined> {
    const view = await viewEntity(this.#client, ref);
    if (view?.metadata.uid === undefined) return undefined;
    const applied = await this.#appliedOf(view).catch((error: unknown) => {
      if (!isBlobLost(error)) throw error;
      return { apiVersion: API_VERSION, kind: ref.kind, metadata: view.metadata, spec: {} } satisfies Manifest;
    });
    return { ...applied, status: view.status };
  }

  async delete(ref: EntityRef): Promise<boolean> {
    const view = await viewEntity(this.#client, ref);
    if (view?.exists !== true) return false;
    refuseKept(view, ref);
    return tellEntity(this.#client, ref, signals.remove, { uid: view.metadata.uid });
  }

  /** Kept by Kubernetes only; here the history of the workflow tells the same. */
  events(): Promise<[]> {
    return Promise.resolve([]);
  }

  async #appliedOf({ metadata, manifest }: EntityView): Promise<Manifest> {
    if (manifest === undefined) return { apiVersion: API_VERSION, kind: 'Unknown', metadata, spec: {} };
    const stored = JSON.parse((await this.#blobs.read(manifest)).toString('utf8')) as Manifest;
    return { ...stored, metadata: { ...stored.metadata, ...metadata } };
  }
}

/** What is known of an object whose workflow does not answer. */
function unanswered({ kind, namespace, name }: EntityRef, error: unknown): Manifest {
  return { apiVersion: API_VERSION, kind, metadata: { name, namespace }, spec: {}, status: failingStatus(error) };
}

/** Its entity listens to Kubernetes: what the command line says of it would be ignored, or never end. */
function refuseKept(view: EntityView | undefined, { kind, namespace, name }: EntityRef): void {
  if (view?.exists !== true || view.origin !== 'kubernetes') return;
  throw new CliError(`${kind} ${namespace}/${name} is kept in Kubernetes, which this command does not speak to`, {
    code: 'KeptInKubernetes',
    hint: 'set SEDNA_KUBECONFIG; on a local stack: sedna down, then sedna up without --standalone',
  });
}
