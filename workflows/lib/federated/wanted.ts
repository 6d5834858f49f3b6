/** What people want of a run, by the job's signals: how the rounds are to be, whether to go on, what to try again at once. */
import { defineSignal } from '@temporalio/workflow';
import { expectOneOf, onSignal } from '../heeding.ts';
import { modes, type Mode } from '../messages.ts';
import { differ } from './aggregating.ts';
import type { RunInput, RunPlan } from './state.ts';

const planSignal = defineSignal<[RunPlan]>('plan');
const retrySignal = defineSignal('retry');
const modeSignal = defineSignal<[Mode]>('mode');

interface Heard {
  /** After a plan. */
  plan: () => void;
  /** True: something is tried again. */
  retry: () => boolean;
}

export class Wanted {
  #plan: RunPlan;
  #mode: Mode;
  #retries = 0;

  constructor({ plan, mode }: Pick<RunInput, 'plan' | 'mode'>) {
    this.#plan = plan;
    this.#mode = mode;
  }

  /** Signals that came before are heard at once. */
  listen(heard: Heard): void {
    onSignal(planSignal, 'The job as it is wanted from the next round on', (plan) => {
      if (!Number.isInteger(plan.generation) || !Array.isArray(plan.clients)) throw new TypeError('it is no plan');
      if (plan.generation < this.#plan.generation) return;
      this.#plan = plan;
      heard.plan();
    });
    onSignal(retrySignal, 'Ask refused clients of the open round again', () => {
      if (heard.retry()) this.#retries += 1;
    });
    onSignal(modeSignal, 'run, pause or stop between two rounds', (mode) => {
      this.#mode = expectOneOf(mode, modes);
    });
  }

  get plan(): RunPlan {
    return this.#plan;
  }

  get mode(): Mode {
    return this.#mode;
  }

  /** Times that somebody wanted tried at once what fails. */
  get retries(): number {
    return this.#retries;
  }

  get isStopped(): boolean {
    return this.#mode === 'stop';
  }

  stop(): void {
    this.#mode = 'stop';
  }

  /** Of what waits for the node that aggregates: somebody stops the job, or wants that done otherwise. */
  overtakes(plan: RunPlan): boolean {
    return this.isStopped || differ(plan, this.#plan);
  }
}
