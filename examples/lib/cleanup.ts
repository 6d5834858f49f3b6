import { messageOf } from './errors.ts';
import type { Narrator } from './narrator.ts';

interface Step {
  what: string;
  undo: () => Promise<void>;
}

/** What must be undone in the end, whatever the end is: last made, first undone. */
export class Cleanup {
  readonly #steps: Step[] = [];

  /** `undo` must have a bound of its own. */
  later(what: string, undo: () => Promise<void>): void {
    this.#steps.push({ what, undo });
  }

  /** Undoes everything; a step that fails does not keep the others from running. Returns what stayed behind. */
  async run(narrator: Narrator): Promise<string[]> {
    const problems: string[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.undo();
      } catch (error) {
        problems.push(`${step.what}: ${messageOf(error)}`);
        narrator.bad('demo', `could not be cleaned up: ${problems.at(-1)}`);
      }
    }
    return problems;
  }
}
