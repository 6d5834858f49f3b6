import type { StepResult } from './step-session.ts';

export interface Averages {
  /** Mean over all rows. */
  loss: number;
  /** Share of rows classified rightly, 0 for regression. */
  accuracy: number;
}

/** Means over the rows of many batches. */
export class Mean {
  #loss = 0;
  #correct = 0;
  #rows = 0;

  add({ loss, correct }: StepResult, rows: number): void {
    this.#loss += loss * rows;
    this.#correct += correct;
    this.#rows += rows;
  }

  result(): Averages {
    return { loss: this.#loss / this.#rows, accuracy: this.#correct / this.#rows };
  }
}
