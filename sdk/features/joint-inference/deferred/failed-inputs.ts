const firstMs = 1_000;
const longestMs = {
  /** A model whose process ends three times in ten minutes is not started again: one input alone must not bring that about day and night. */
  failing: 600_000,
  late: 30_000,
};
/** Those that end elsewhere, or expire, are not told of. */
const mostKept = 1_000;

/**
 * Inputs that the big model failed at. Each waits longer after each failure, and behind all others: one that it always fails at would
 * else be asked about first for ever, and keep the circuit open.
 */
export class FailedInputs {
  /** How often, by digest. */
  readonly #failures = new Map<string, number>();

  has(digest: string): boolean {
    return this.#failures.has(digest);
  }

  /** How long this one has to wait, in ms. `late`: there was no answer in time. */
  failed(digest: string, how: keyof typeof longestMs): number {
    const before = this.#failures.get(digest) ?? 0;
    this.#failures.delete(digest);
    const [oldest] = this.#failures.keys();
    if (oldest !== undefined && this.#failures.size >= mostKept) this.#failures.delete(oldest);
    this.#failures.set(digest, before + 1);
    return Math.min(longestMs[how], firstMs * 2 ** before);
  }

  ended(digest: string): void {
    this.#failures.delete(digest);
  }
}
