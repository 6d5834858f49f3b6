import type { Listener } from '../../contracts.ts';
import type { EntitySignaller } from '../../lib/signaller.ts';

const defaultSpacingMs = 1_000;
const retryMs = 2_000;

export interface NewsOptions {
  /** Between two of them. Default: a second. */
  spacingMs?: number;
  /** Before the first. What is over sooner (`close`) is not told at all. Default: 0. */
  firstAfterMs?: number;
}

/**
 * Tells a workflow the newest value by signal: at most one a second (or as told), equal ones never. Values are
 * complete, so only the newest is ever worth sending; a refused send is tried again for as long as it is the newest.
 */
export class News<T> {
  readonly #signaller: EntitySignaller;
  readonly #listener: Listener;
  readonly #spacingMs: number;
  #sent = '';
  #newest: T | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lastAt: number;
  #closed = false;

  constructor(signaller: EntitySignaller, listener: Listener, options: NewsOptions = {}) {
    const { spacingMs = defaultSpacingMs, firstAfterMs = 0 } = options;
    this.#spacingMs = spacingMs;
    this.#lastAt = performance.now() + firstAfterMs - spacingMs;
    this.#signaller = signaller;
    this.#listener = listener;
  }

  tell(value: T): void {
    this.#newest = value;
    this.#schedule(Math.max(0, this.#lastAt + this.#spacingMs - performance.now()));
  }

  /** Sends what has not been sent yet, now; one try. For the last words of an activity that fails. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (JSON.stringify(this.#newest) !== this.#sent) await this.#send();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #schedule(delay: number): void {
    if (this.#timer !== undefined || this.#closed || JSON.stringify(this.#newest) === this.#sent) return;
    this.#timer = setTimeout(() => void this.#send(), delay);
  }

  async #send(): Promise<void> {
    const text = JSON.stringify(this.#newest);
    const { workflowId, uid, slot } = this.#listener;
    this.#lastAt = performance.now();
    let delay = this.#spacingMs;
    try {
      await this.#signaller.observed(workflowId, { slot, uid, value: this.#newest });
      this.#sent = text;
    } catch {
      delay = retryMs;
    }
    this.#timer = undefined;
    this.#schedule(delay);
  }
}

/** Of what is tried again for days the same is said ever more rarely: each time is an event in the history of a workflow. */
export function isSaidAgain(attempt: number): boolean {
  return (attempt & (attempt - 1)) === 0;
}
