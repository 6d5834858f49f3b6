/** One that is ready is asked less often: there may be many, and their ends are seen anyway. */
const readyMs = 1_000;
/** So many answers in a row must be missing before one counts as silent: one may be late on a busy node. */
const missingToFail = 3;

/** Whether a process is ready, by asking it again and again. */
export class Probe {
  readonly #isReady: () => Promise<boolean>;
  #ready = false;
  #missing = 0;
  #asking = false;
  #askedMs = -Infinity;
  /** Rises with every process: what was asked of the last one says nothing about this one. */
  #era = 0;

  constructor(isReady: () => Promise<boolean>) {
    this.#isReady = isReady;
  }

  get ready(): boolean {
    return this.#ready;
  }

  /** It has missed several answers in a row. */
  get silent(): boolean {
    return this.#missing >= missingToFail;
  }

  /** Another process, or none. */
  reset(): void {
    this.#ready = false;
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
      const ready = await this.#isReady();
      if (era !== this.#era) return false;
      this.#ready = ready;
      this.#missing = ready ? 0 : this.#missing + 1;
      return true;
    } finally {
      this.#asking = false;
    }
  }
}
