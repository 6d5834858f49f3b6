export interface CircuitBreakerOptions {
  /** Failures in a row that open the circuit. Default: 3. */
  failures?: number;
  /** Time after which an open circuit lets one request through to see, in ms. Default: 500. */
  retryAfterMs?: number;
  /** Told each time that it opens. */
  onOpen?: () => void;
  /** Clock in ms that never goes back. Default: the process's own. */
  now?: () => number;
}

export type CircuitState = 'closed' | 'open' | 'half-open';

/** What becomes of a request that was let through. The first word counts, later ones are ignored. */
export interface Permit {
  succeeded(): void;
  failed(): void;
  /** Nobody waited for the end, so it says nothing about the other side. */
  abandoned(): void;
}

/**
 * Stops asking a service that does not answer, so that nobody waits for it (circuit breaker: Nygard, Release It!, 2007). Closed: all
 * may ask. Open: nobody may, until the time is over. Half-open: one may, and its end closes or opens the circuit.
 */
export class CircuitBreaker {
  readonly #failures: number;
  readonly #retryAfterMs: number;
  readonly #onOpen: (() => void) | undefined;
  readonly #now: () => number;
  #inARow = 0;
  #openedAt: number | undefined;
  #probing = false;
  /** Rises with every opening: what was let through before says nothing about now. */
  #era = 0;

  constructor({ failures = 3, retryAfterMs = 500, onOpen, now = () => performance.now() }: CircuitBreakerOptions = {}) {
    this.#failures = failures;
    this.#retryAfterMs = retryAfterMs;
    this.#onOpen = onOpen;
    this.#now = now;
  }

  state(): CircuitState {
    if (this.#openedAt === undefined) return 'closed';
    return this.#probing || this.#now() - this.#openedAt >= this.#retryAfterMs ? 'half-open' : 'open';
  }

  /** `undefined`: the service is not to be asked now. */
  enter(): Permit | undefined {
    const state = this.state();
    if (state === 'open' || this.#probing) return undefined;
    if (state === 'half-open') this.#probing = true;
    return this.#permit(this.#era);
  }

  #permit(era: number): Permit {
    let open = true;
    const once = (verdict: () => void) => (): void => {
      if (open && era === this.#era) verdict();
      open = false;
    };
    return {
      succeeded: once(() => this.#close()),
      failed: once(() => this.#fail()),
      abandoned: once(() => (this.#probing = false)),
    };
  }

  #close(): void {
    this.#inARow = 0;
    this.#openedAt = undefined;
    this.#probing = false;
  }

  #fail(): void {
    this.#inARow += 1;
    if (!this.#probing && this.#inARow < this.#failures) return;
    this.#openedAt = this.#now();
    this.#probing = false;
    this.#era += 1;
    this.#onOpen?.();
  }
}
