/** Of the time for an answer, what the way takes: at least so much, in ms, and no more than a tenth where nothing is known of it. */
const atLeastMs = 50;
/** An answer that does not come at all may have other reasons. */
const atMostGuessedMs = 1_000;
/** How fast one slow answer is forgotten. */
const forgetting = 0.9;

/** The largest of late: forgotten the slower the longer ago it was. */
export const peak = (before: number, ms: number): number => Math.max(ms, forgetting * before + (1 - forgetting) * ms);

/** Learns how long requests and answers are on their way to a tier, so that it is told of an earlier end: its answer must be back in time. */
export class Way {
  #ms = 0;

  /** `totalMs`: from the question to its answer; `tookMs`: of that, what the tier needed. */
  learn(totalMs: number, tookMs: number): void {
    this.#ms = peak(this.#ms, Math.max(0, totalMs - tookMs));
  }

  /** No answer came in time: it may have been on its way. Says nothing where nobody has said yet what it took. */
  missed(): void {
    if (this.#ms > 0) this.#ms = Math.max(this.#ms, Math.min(atMostGuessedMs, 2 * Math.max(this.#ms, atLeastMs)));
  }

  /** What is left for the tier; never less than half. */
  timeThere(withinMs: number): number {
    const way = Math.max(this.#ms, Math.min(atLeastMs, withinMs / 10));
    return withinMs - Math.min(way, withinMs / 2);
  }
}
