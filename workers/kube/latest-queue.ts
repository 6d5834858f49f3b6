import { logger } from '../lib/log.ts';

const backoffMs = { first: 200, longest: 30_000 };
/** Ten thousand objects are there at once when a manager starts. */
const atOnce = 64;

/**
 * Handles the newest item of each key, one at a time per key and `atOnce` in all; older ones that were not begun are dropped. What is
 * only looked at again (`routine`) waits for all else. A failing item is tried again with back-off until it succeeds or a newer one
 * takes its place, and holds up nobody meanwhile.
 */
export class LatestQueue<T> {
  readonly #handle: (item: T) => Promise<void>;
  /** In the order in which they came. */
  readonly #news = new Map<string, T>();
  readonly #routine = new Map<string, T>();
  readonly #working = new Set<string>();
  /** Between two attempts. */
  readonly #paused = new Map<string, T>();
  readonly #waits = new Map<string, number>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #stopped = false;

  constructor(handle: (item: T) => Promise<void>) {
    this.#handle = handle;
  }

  push(key: string, item: T, { routine = false } = {}): void {
    if (this.#paused.has(key)) this.#paused.set(key, item);
    else if (!routine) {
      this.#routine.delete(key);
      this.#news.set(key, item);
    } else if (!this.#news.has(key)) this.#routine.set(key, item);
    this.#begin();
  }

  stop(): void {
    this.#stopped = true;
    // They would keep a process that has nothing left to do.
    this.#timers.forEach(clearTimeout);
  }

  #begin(): void {
    while (!this.#stopped && this.#working.size < atOnce) {
      const next = this.#take(this.#news) ?? this.#take(this.#routine);
      if (next === undefined) return;
      void this.#work(...next);
    }
  }

  #take(items: Map<string, T>): [string, T] | undefined {
    for (const [key, item] of items) {
      if (this.#working.has(key)) continue;
      items.delete(key);
      return [key, item];
    }
    return undefined;
  }

  async #work(key: string, item: T): Promise<void> {
    this.#working.add(key);
    try {
      await this.#handle(item);
      this.#waits.delete(key);
    } catch (error) {
      this.#pause(key, item, error);
    }
    this.#working.delete(key);
    this.#begin();
  }

  #pause(key: string, item: T, error: unknown): void {
    if (this.#stopped) return;
    const wait = this.#waits.get(key) ?? backoffMs.first;
    logger.warn({ key, wait, error: String(error) }, 'could not pass on a change; trying again');
    this.#waits.set(key, Math.min(wait * 2, backoffMs.longest));
    this.#paused.set(key, this.#news.get(key) ?? this.#routine.get(key) ?? item);
    this.#news.delete(key);
    this.#routine.delete(key);
    const again = (): void => {
      this.#timers.delete(timer);
      const newest = this.#paused.get(key);
      this.#paused.delete(key);
      if (newest !== undefined) this.push(key, newest);
    };
    const timer = setTimeout(again, wait * (0.8 + Math.random() * 0.4));
    this.#timers.add(timer);
  }
}
