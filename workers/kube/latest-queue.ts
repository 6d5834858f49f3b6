import { logger } from '../lib/log.ts';

const backoffMs = { first: 200, longest: 30_000 };

/**
 * Handles the newest item of each key, one at a time per key; older ones that were not begun are dropped. A failing item is
 * tried again with back-off until it succeeds or a newer one takes its place.
 */
export class LatestQueue<T> {
  readonly #handle: (item: T) => Promise<void>;
  readonly #pending = new Map<string, T>();
  readonly #busy = new Set<string>();
  #stopped = false;

  constructor(handle: (item: T) => Promise<void>) {
    this.#handle = handle;
  }

  push(key: string, item: T): void {
    this.#pending.set(key, item);
    if (!this.#busy.has(key)) void this.#work(key);
  }

  stop(): void {
    this.#stopped = true;
  }

  async #work(key: string): Promise<void> {
    this.#busy.add(key);
    let wait = backoffMs.first;
    while (!this.#stopped) {
      const item = this.#pending.get(key);
      if (item === undefined) break;
      this.#pending.delete(key);
      try {
        await this.#handle(item);
        wait = backoffMs.first;
      } catch (error) {
        logger.warn({ key, wait, error: String(error) }, 'could not pass on a change; trying again');
        if (!this.#pending.has(key)) this.#pending.set(key, item);
        await new Promise((resolve) => setTimeout(resolve, wait * (0.8 + Math.random() * 0.4)));
        wait = Math.min(wait * 2, backoffMs.longest);
      }
    }
    this.#busy.delete(key);
  }
}
