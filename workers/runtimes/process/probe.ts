/** One that is ready is asked less often: there may be many, and their ends are seen anyway. */
const readyMs = 1_000;
/** So many answers in a row must be missing before one counts as silent: one may be late on a busy node. */
const missingToFail = 3;

/** Whether a process is ready, by asking it again and again. */
export class Probe {
  readonly #ask: () => Promise<string | undefined>;
  #ready = false;
  #why: string | undefined;
  #missing = 0;
  #asking = false;
  #askedMs = -Infinity;
  /** Rises with every process: what was asked of the last one says nothing about this one. */
  #era = 0;

  /** `ask`: why it is not ready; undefined: it is. */
  constructor(ask: () => Promise<string | undefined>) {
    this.#ask = ask;
  }

  /** When it was asked last; one that misses an answer is not taken for unready, one that is `silent` is. */
  get ready(): boolean {
    return this.#ready;
  }

  /** It has missed several answers in a row. */
  get silent(): boolean {
    return this.#missing >= missingToFail;
  }

  /** Why it was not ready when it was asked last. */
  get why(): string | undefined {
    return this.#why;
  }

  /** Another process, or none. */
  reset(): void {
    this.#ready = false;
    this.#why = undefined;
    this.#missing = 0;
    this.#era += 1;
  }

  /** False: it was not asked now, or its answer came too late to count. */
  async ask(): Promise<boolean> {
    const now = performance.now();
    if (this.#asking || (this.#ready && now - this.#askedMs < readyMs)) return false;
    this.#asking = true;
    this.#askedMs = now;
    const era = this.#era;
    try {
      const why = await this.#ask();
      if (era !== this.#era) return false;
      this.#why = why;
      this.#ready = why === undefined;
      this.#missing = this.#ready ? 0 : this.#missing + 1;
      return true;
    } finally {
      this.#asking = false;
    }
  }
}
