/** The node that aggregates: whether the strategy is there, and what has been left running for it. */
import { ApplicationFailure } from '@temporalio/workflow';
import { edge } from '../activities.ts';
import { tooFewFor } from './quorum.ts';
import type { RunPlan } from './state.ts';
import type { RunPlace } from './trainers.ts';
import { aggregatorOf, dismissAggregator, isWorker } from './user-aggregator.ts';

export class AggregatorNode {
  readonly #place: () => RunPlace;
  readonly #taken: () => void;
  /** Strategy that is known to be there. */
  #checked = '';
  #minUpdates = 1;
  #asked: string | undefined;

  /** `asked`: as an earlier run remembers it. `taken`: called when another node has taken an open round over. */
  constructor(asked: string | undefined, { place, taken }: { place: () => RunPlace; taken: () => void }) {
    this.#asked = asked;
    this.#place = place;
    this.#taken = taken;
  }

  /** Updates below which the strategy aggregates no round, as far as it has been asked. */
  minUpdates(plan: RunPlan): number {
    return this.#checked === this.#keyOf(plan) ? this.#minUpdates : 1;
  }

  /** Where an aggregator of the user's own may run. */
  get asked(): string | undefined {
    return this.#asked;
  }

  /** Once for each: before anybody trains for an aggregation that cannot be. Waits for a node that is away. */
  async check(plan: RunPlan): Promise<void> {
    const { aggregator, fields, clients } = plan;
    const { strategy: name, parameters } = fields.aggregation;
    const key = this.#keyOf(plan);
    if (this.#checked !== key) {
      const worker = isWorker(fields) ? aggregatorOf({ ...this.#place(), plan }, clients.length).worker : undefined;
      const strategy = { name, parameters, ...(worker === undefined ? {} : { worker }) };
      const needs = await edge(aggregator, `is there ${name} on ${aggregator}`).checkStrategy(strategy);
      this.#minUpdates = needs?.minUpdates ?? 1;
      this.#checked = key;
    }
    const problem = tooFewFor(plan, this.#minUpdates);
    if (problem !== undefined) {
      throw ApplicationFailure.create({ type: 'InvalidSpec', message: problem, nonRetryable: true });
    }
  }

  #keyOf({ aggregator, fields }: RunPlan): string {
    const { strategy, parameters, templateDigest } = fields.aggregation;
    return JSON.stringify([aggregator, strategy, parameters, ...(isWorker(fields) ? [templateDigest] : [])]);
  }

  /** Before it is asked: one that never answers is to be stopped too. */
  note({ aggregator, fields }: RunPlan): void {
    if (isWorker(fields)) this.#asked = aggregator;
  }

  /** For a plan that takes the open round over, or has it already. */
  async ready(plan: RunPlan): Promise<void> {
    await this.check(plan);
    if (!isWorker(plan.fields) || this.#asked === plan.aggregator) return;
    this.note(plan);
    this.#taken();
  }

  /** Stops the aggregator that was asked, where an edit has made it superfluous. */
  async letGo({ aggregator, fields }: RunPlan): Promise<void> {
    if (isWorker(fields) && this.#asked === aggregator) return;
    await this.dismiss();
  }

  /** `finished`: it has said itself that the rounds are over. */
  async dismiss(finished = false): Promise<void> {
    if (this.#asked === undefined) return;
    await dismissAggregator(this.#place(), this.#asked, finished);
    this.#asked = undefined;
  }
}
