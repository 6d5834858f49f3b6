/** The real stack in a folder of its own, as `sedna up --detach` starts it, and the objects in it. */
import { Client, Connection } from '@temporalio/client';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectKube, type Kube } from '../../activities/control/kube/client.ts';
import { composeApply } from '../../activities/lib/apply.ts';
import { signalEntity, viewEntity } from '../../activities/lib/entities.ts';
import { takeDown } from '../../deploy/local/down.ts';
import { upDetached } from '../../deploy/local/session.ts';
import type { StackState } from '../../deploy/local/state.ts';
import { until } from '../../deploy/local/wait.ts';
import { openBlobStore, type BlobStore } from '../../sdk/storage/index.ts';
import { KubeObjectStore } from '../../workers/kube/object-store.ts';
import type { EntityRef } from '../../workflows/lib/ids.ts';
import { signals, type EntityView } from '../../workflows/lib/messages.ts';

export interface StackRequest {
  standalone: boolean;
  nodes: string[];
  images?: string[];
}

export interface Manifest {
  kind: string;
  metadata: { name: string };
  spec: unknown;
}

interface Listed {
  metadata: { name: string; uid?: string };
  status?: object;
}

export class BenchStack {
  readonly folder: string;
  readonly state: StackState;
  readonly client: Client;
  /** Requests of `listed` so far. */
  lists = 0;
  readonly #blobs: BlobStore;
  #kube: Kube | undefined;

  private constructor(folder: string, state: StackState, client: Client) {
    this.folder = folder;
    this.state = state;
    this.client = client;
    this.#blobs = openBlobStore(state.blobUrl);
  }

  static async start({ standalone, nodes, images = [] }: StackRequest): Promise<BenchStack> {
    const cwd = mkdtempSync(join(tmpdir(), 'sedna-bench-'));
    const roles = nodes.map((name) => ({ name, role: 'edge' as const }));
    const silent = (): void => undefined;
    try {
      const { stack } = await upDetached({ cwd, standalone, nodes: roles, images }, silent, silent);
      const connection = await Connection.connect({ address: stack.state.temporal.address });
      return new BenchStack(cwd, stack.state, new Client({ connection }));
    } catch (error) {
      await takeDown(cwd, silent);
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.client.connection.close();
    await takeDown(this.folder, () => undefined);
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Applies without Kubernetes, as `sedna apply` does. */
  async apply(manifest: Manifest): Promise<void> {
    const { kind, metadata } = manifest;
    const message = await composeApply(this.#blobs, { apiVersion: 'sedna.io/v1alpha1', ...manifest });
    if (message.invalid !== undefined) throw new Error(`${kind} ${metadata.name}: ${JSON.stringify(message.invalid)}`);
    await signalEntity(this.client, refOf(kind, metadata.name), signals.apply, { ...message, origin: 'standalone' });
  }

  /** The stack's own API server. */
  get kube(): Kube {
    const { kubeconfig } = this.state;
    if (kubeconfig === undefined) throw new Error('this stack has no API server');
    return (this.#kube ??= connectKube(kubeconfig));
  }

  /** Applies through the API server, as `sedna apply` does there. */
  async create(manifest: Manifest): Promise<void> {
    const metadata = { ...manifest.metadata, namespace: 'default' };
    await new KubeObjectStore(this.kube).apply({ apiVersion: 'sedna.io/v1alpha1', ...manifest, metadata });
  }

  /**
   * The uids by name once `areSo` holds of all objects of a kind. Asks the API server alone, once a second: queries would load
   * the global manager that is measured.
   */
  async listed(kind: string, areSo: (objects: Listed[]) => boolean, boundMs: number): Promise<Map<string, string>> {
    const store = new KubeObjectStore(this.kube);
    let objects: Listed[] = [];
    const look = async (): Promise<boolean> => {
      this.lists += 1;
      objects = (await store.list(kind, 'default')) as Listed[];
      return areSo(objects);
    };
    if (!(await until(look, boundMs, { everyMs: 1_000 }))) throw new Error(`not every ${kind} gets there`);
    return new Map(objects.map(({ metadata }) => [metadata.name, metadata.uid ?? '']));
  }

  /** Of all workflows that run. */
  async historyEvents(): Promise<number> {
    let sum = 0;
    for await (const { workflowId } of this.client.workflow.list({ query: 'ExecutionStatus = "Running"' })) {
      const { raw } = await this.client.workflow.getHandle(workflowId).describe();
      sum += Number(raw.workflowExecutionInfo?.historyLength ?? 0);
    }
    return sum;
  }

  /** Its view once `isSo` holds of it. Each look is a query, which the global manager answers: while something is measured, look seldom. */
  async view(
    ref: EntityRef,
    isSo: (view: EntityView) => boolean,
    { boundMs = 60_000, everyMs = 20 }: { boundMs?: number; everyMs?: number } = {},
  ): Promise<EntityView> {
    let view: EntityView | undefined;
    const ready = await until(
      async () => {
        view = await viewEntity(this.client, ref);
        return view !== undefined && isSo(view);
      },
      boundMs,
      { everyMs },
    );
    if (ready && view !== undefined) return view;
    throw new Error(`${ref.kind} ${ref.name} stays ${JSON.stringify(view?.status)}`);
  }
}

export function refOf(kind: string, name: string): EntityRef {
  return { kind, namespace: 'default', name };
}
