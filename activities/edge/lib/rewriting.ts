/** A file that has become shorter may be about to become itself again: a writer that writes it anew begins with nothing. */
import { settleMs, type DatasetIndex } from './dataset-index.ts';

/** Longest time that a file may be shorter and grow before it counts as another one. */
export const rewriteBoundMs = 300_000;
/** How often an unfinished last line is looked at again. */
const lookMs = 1_000;

/** One per cursor: the time counts since its file was first seen shorter. */
export class Rewriting {
  readonly #boundMs: number;
  #since: number | undefined;
  #wake: () => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(boundMs = rewriteBoundMs) {
    this.#boundMs = boundMs;
  }

  /** Told when it is worth looking again. */
  onTick(wake: () => void): void {
    this.#wake = wake;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /**
   * Whether the file, which is not the one with the first `counted` samples, may still become it. With as many samples it will not:
   * what differs differs for good. A shorter one is another file when it has rested.
   */
  mayBe(index: DatasetIndex, counted: number): boolean {
    if (index.count >= counted) {
      this.#since = undefined;
      return false;
    }
    this.#since ??= performance.now();
    const patience = this.#since + this.#boundMs - performance.now();
    const wait = Math.min(patience, index.unsettled ? lookMs : index.restsInMs);
    if (wait <= 0) return false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#wake(), wait);
    return true;
  }
}

/** The same for who only knows the file, and since when it is waited for. */
export function mayBeRewritten(file: { mtimeMs: number }, waitedMs: number): boolean {
  return waitedMs < rewriteBoundMs && Date.now() - file.mtimeMs < settleMs;
}
