import type { SessionOptions } from '../runtime.ts';
import type { TrainingState } from './state.ts';
import type { StepGraph, StepPhase } from './step-graph.ts';
import { StepSession } from './step-session.ts';

export type BuildStep = (batch: number, phase: StepPhase) => StepGraph;

/** Sessions of one step by batch size and phase, opened when first needed: the full batch, and the rest of an epoch if there is one. */
export class StepSessions {
  readonly #open = new Map<string, StepSession>();
  readonly #build: BuildStep;
  readonly #state: TrainingState;
  readonly #options: SessionOptions;

  constructor(build: BuildStep, state: TrainingState, options: SessionOptions) {
    this.#build = build;
    this.#state = state;
    this.#options = options;
  }

  async get(batch: number, phase: StepPhase = 'update'): Promise<StepSession> {
    const key = `${phase} ${batch}`;
    const present = this.#open.get(key);
    if (present) return present;
    const opened = await StepSession.open(this.#build(batch, phase), this.#state, this.#options);
    this.#open.set(key, opened);
    return opened;
  }

  async close(): Promise<void> {
    for (const session of this.#open.values()) await session.close();
    this.#open.clear();
  }
}
