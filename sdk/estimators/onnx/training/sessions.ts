import type { TrainingState } from './state.ts';
import type { StepGraph } from './step-graph.ts';
import { StepSession } from './step-session.ts';

/** Sessions of one step by batch size, opened when first needed: the full batch, and the rest of an epoch if there is one. */
export class StepSessions {
  readonly #open = new Map<number, StepSession>();
  readonly #build: (batch: number) => StepGraph;
  readonly #state: TrainingState;
  readonly #threads: number | undefined;

  constructor(build: (batch: number) => StepGraph, state: TrainingState, threads?: number) {
    this.#build = build;
    this.#state = state;
    this.#threads = threads;
  }

  async get(batch: number): Promise<StepSession> {
    const present = this.#open.get(batch);
    if (present) return present;
    const opened = await StepSession.open(this.#build(batch), this.#state, this.#threads);
    this.#open.set(batch, opened);
    return opened;
  }

  async close(): Promise<void> {
    for (const session of this.#open.values()) await session.close();
    this.#open.clear();
  }
}
