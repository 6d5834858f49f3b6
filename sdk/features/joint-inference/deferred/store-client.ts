import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { DeferredStore, StoreOptions } from './store.ts';
import type { StoreAnswer, StoreCall, StoreMethod } from './store-thread.ts';

const THREAD = new URL(import.meta.url.endsWith('.ts') ? './store-thread.ts' : './store-thread.js', import.meta.url);

interface Waiting {
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

/** Between the end of a thread and the next one. */
const restartMs = 1_000;

/**
 * The store in its thread. Calls resolve once what they changed is durable. The thread keeps nobody alive. Where it ends (its folder cannot
 * be opened, memory), calls reject with why, and one that comes a second later begins a new one.
 */
export class DeferredStoreClient {
  readonly #options: Omit<StoreOptions, 'now'>;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker;
  #calls = 0;
  #broken: { error: Error; at: number } | undefined;
  #closed = false;

  constructor(options: Omit<StoreOptions, 'now'>) {
    this.#options = options;
    this.#worker = this.#start();
  }

  call<M extends StoreMethod>(
    method: M,
    ...values: Parameters<DeferredStore[M]>
  ): Promise<ReturnType<DeferredStore[M]>> {
    return this.#send(method, values) as Promise<ReturnType<DeferredStore[M]>>;
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#broken) return;
    const exited = once(this.#worker, 'exit');
    await this.#send('close', []).catch(() => undefined);
    await exited;
  }

  #start(): Worker {
    const worker = new Worker(THREAD, { workerData: this.#options });
    worker.unref();
    worker.on('message', ({ number, value, error }: StoreAnswer) => {
      const waiting = this.#waiting.get(number);
      this.#waiting.delete(number);
      if (error) waiting?.reject(error);
      else waiting?.resolve(value);
    });
    const ended = (error: Error): void => (worker === this.#worker ? this.#break(error) : undefined);
    worker.on('error', (error) => ended(error as Error));
    worker.on('exit', () => ended(new Error('the store of deferred answers is closed')));
    return worker;
  }

  #send(method: StoreCall['method'], values: unknown[]): Promise<unknown> {
    if (this.#broken && !this.#closed && performance.now() - this.#broken.at >= restartMs) {
      this.#worker = this.#start();
      this.#broken = undefined;
    }
    if (this.#broken) return Promise.reject(this.#broken.error);
    const number = (this.#calls += 1);
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject });
      this.#worker.postMessage({ number, method, values } satisfies StoreCall);
    });
  }

  #break(error: Error): void {
    this.#broken ??= { error, at: performance.now() };
    for (const { reject } of this.#waiting.values()) reject(this.#broken.error);
    this.#waiting.clear();
  }
}
