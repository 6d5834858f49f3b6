import { setTimeout as delay } from 'node:timers/promises';
import { callBack, callbackProblem, originOf } from './callbacks.ts';
import type { CallbackHosts } from './callbacks.ts';
import type { DeferredStoreClient } from './store-client.ts';
import type { StoredRequest } from './store.ts';

export interface TellingOptions {
  store: Pick<DeferredStoreClient, 'call'>;
  callbackHosts: CallbackHosts;
  present: (end: StoredRequest) => { id: string };
  /** Ends calls that are under way; they are made again. */
  signal: AbortSignal;
}

/** Calls at the same time, each to another address. */
const atOnce = 8;
/** Whoever sends requests chooses among names that a pattern allows. */
const mostResting = 256;
const leaseMs = 60_000;
const pauseMs = 500;
const callTimeoutMs = 10_000;
/** Times between calls about one end, and between those to an address that does not answer: doubled, up to a minute. */
const againMs = (calls: number): number => Math.min(60_000, 1_000 * 2 ** calls);

/** Tells ends to their callbacks: several at a time, each address one after another, so that one that hangs holds up nobody else. */
export class Telling {
  readonly #options: TellingOptions;
  /** By address. */
  readonly #calls = new Map<string, Promise<void>>();
  readonly #resting = new Map<string, { failures: number; until: number }>();

  constructor(options: TellingOptions) {
    this.#options = options;
  }

  /** Begins a call, or waits until another one may begin. False: there is nobody to tell. */
  async next(): Promise<boolean> {
    const { store, callbackHosts } = this.#options;
    const end = this.#calls.size < atOnce ? await store.call('toDeliver', leaseMs, this.#avoided()) : undefined;
    if (!end) {
      if (this.#calls.size === 0) return false;
      const over = new AbortController();
      const pause = delay(pauseMs, undefined, over).catch(() => undefined);
      await Promise.race([...this.#calls.values(), pause]);
      over.abort();
      return true;
    }
    const { callback } = end;
    // The list of hosts may have become shorter since.
    if (callback === null || callbackProblem(callback, callbackHosts) !== undefined) {
      await store.call('delivered', end.id);
      return true;
    }
    const address = originOf(callback);
    // What the store could not note is told once more when the lease is over.
    const call = this.#tell(end, callback, address).catch(() => undefined);
    this.#calls.set(
      address,
      call.finally(() => this.#calls.delete(address)),
    );
    return true;
  }

  /** No call is under way any more. */
  async idle(): Promise<void> {
    await Promise.all(this.#calls.values());
  }

  async #tell(end: StoredRequest, callback: string, address: string): Promise<void> {
    const { store, present, signal } = this.#options;
    const until = AbortSignal.any([signal, AbortSignal.timeout(callTimeoutMs)]);
    const said = await callBack(callback, present(end), until);
    if (signal.aborted && said !== 'told') return store.call('deliverAgain', end.id, 0);
    if (said !== 'unreachable') this.#resting.delete(address);
    else this.#rest(address);
    if (said === 'told') await store.call('delivered', end.id);
    else await store.call('deliverAgain', end.id, againMs(end.calls));
  }

  #rest(address: string): void {
    const failures = (this.#resting.get(address)?.failures ?? 0) + 1;
    this.#resting.delete(address);
    const [oldest] = this.#resting.keys();
    if (oldest !== undefined && this.#resting.size >= mostResting) this.#resting.delete(oldest);
    this.#resting.set(address, { failures, until: performance.now() + againMs(failures - 1) });
  }

  #avoided(): string[] {
    const now = performance.now();
    const resting = [...this.#resting].filter(([, { until }]) => until > now);
    return [...this.#calls.keys(), ...resting.map(([address]) => address)];
  }
}
