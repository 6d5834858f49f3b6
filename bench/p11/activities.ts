import { now } from '../lib/statistics.ts';

export interface FrameActivities {
  once(name: string): Promise<void>;
}

/** Notes when the activity of each workflow starts, and wakes whoever waits for it. */
export class Starts {
  readonly #waiting = new Map<string, (at: number) => void>();

  readonly activities: FrameActivities = {
    once: async (name) => this.#waiting.get(name)?.(now()),
  };

  /** When the next activity of this workflow starts, by the clock of `now`. */
  next(name: string): Promise<number> {
    return new Promise((resolve) => this.#waiting.set(name, resolve));
  }
}
