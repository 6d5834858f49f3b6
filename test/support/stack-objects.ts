/** Objects of a stack as `sedna get` reads them, for tests that look often: each call of the command would be a process of half a second. */
import { Client, Connection } from '@temporalio/client';
import { StandaloneStore } from '../../cli/lib/standalone-store.ts';
import type { ObjectStore } from '../../cli/lib/object-store.ts';
import { kindOf } from '../../cli/lib/references.ts';
import { readStackState } from '../../deploy/local/state.ts';
import { openBlobStore } from '../../sdk/storage/index.ts';

export class StackObjects {
  readonly #cwd: string;
  #connection: Connection | undefined;
  #store: ObjectStore | undefined;

  constructor(cwd: string) {
    this.#cwd = cwd;
  }

  /** `kind` is any word for it. Throws while there is no such object, or nobody who answers. */
  async status<T>(kind: string, name: string): Promise<T> {
    this.#store ??= await this.#open();
    const object = await this.#store.get({ kind: kindOf(kind).kind, namespace: 'default', name });
    if (object?.status === undefined) throw new Error(`${kind}/${name} has no status yet`);
    return object.status as T;
  }

  async close(): Promise<void> {
    await this.#connection?.close();
    this.#connection = this.#store = undefined;
  }

  async #open(): Promise<ObjectStore> {
    const state = readStackState(this.#cwd);
    if (state === undefined) throw new Error('no stack');
    if (state.mode === 'kubernetes' && state.kubeconfig !== undefined) {
      const { connectKube } = await import('../../activities/control/kube/client.ts');
      const { KubeObjectStore } = await import('../../workers/kube/object-store.ts');
      return new KubeObjectStore(connectKube(state.kubeconfig));
    }
    this.#connection = await Connection.connect({ address: state.temporal.address });
    return new StandaloneStore(new Client({ connection: this.#connection }), openBlobStore(state.blobUrl));
  }
}
