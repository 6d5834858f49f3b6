import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { DeferredStore, StoreOptions } from './store.ts';
import type { StoreAnswer, StoreCall, StoreMethod } from './store-thread.ts';

const THREAD = new URL(import.meta.url.endsWith('.ts') ? './store-thread.ts' : './store-thread.js', import.meta.url);

interface Waiting {
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

/** The store in its thread. Calls resolve once what they changed is durable. The thread keeps nobody alive. */
export class DeferredStoreClient {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;
  #broken: Error | undefined;

  constructor(options: Omit<StoreOptions, 'now'>) {
    this.#worker = new Worker(THREAD, { workerData: options });
    this.#worker.unref();
    this.#worker.on('message', ({ number, value, error }: StoreAnswer) => {
      const waiting = this.#waiting.get(number);
      this.#waiting.delete(number);
      if (error) waiting?.reject(error);
      else waiting?.resolve(value);
    });
    this.#worker.on('error', (error) => this.#break(error as Error));
    this.#worker.on('exit', () => this.#break(new Error('the store of deferred answers is closed')));
  }

  call<M extends StoreMethod>(
    method: M,
    ...values: Parameters<DeferredStore[M]>
  ): Promise<ReturnType<DeferredStore[M]>> {
    return this.#send(method, values) as Promise<ReturnType<DeferredStore[M]>>;
  }

  async close(): Promise<void> {
    if (this.#broken) return;
    const exited = once(this.#worker, 'exit');
    await this.#send('close', []).catch(() => undefined);
    await exited;
  }

  #send(method: StoreCall['method'], values: unknown[]): Promise<unknown> {
    if (this.#broken) return Promise.reject(this.#broken);
    const number = (this.#calls += 1);
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject });
      this.#worker.postMessage({ number, method, values } satisfies StoreCall);
    });
  }

  #break(error: Error): void {
    this.#broken ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#broken);
    this.#waiting.clear();
  }
}
