/**
 * Aggregating a closed round by a program of the user's own. Its node tries again for as long as that program fails; an edit, `retry` or `stop`
 * ends the waiting. What was accepted stays accepted: nobody is asked again.
 */
import { bufferOf } from './buffer.ts';
import { isMistNet } from './mist-net.ts';
import { aggregate, type RoundStart } from './round.ts';
import type { OpenRound, RoundRecord, RunPlan } from './state.ts';
import { unless } from './unless.ts';
import { isWorker } from './user-aggregator.ts';

export interface Aggregating {
  isStopped: () => boolean;
  /** Rises when somebody wants it tried at once. */
  retries: () => number;
  /** The job as it is wanted now. */
  latest: () => RunPlan;
  /** Stops the aggregator that was asked, where the plan has no use for it. */
  letGo: (plan: RunPlan) => Promise<void>;
  /** Before the node of a plan is asked; resolves at once for the plan of before. Waits for a node that is away. Throws where its strategy cannot be. */
  ready: (plan: RunPlan) => Promise<void>;
}

/** Undefined: the round is to be opened again some day, because somebody stops the job or wants a strategy that asks for something else. */
export async function aggregateByWorker(
  start: RoundStart,
  round: OpenRound,
  on: Aggregating,
): Promise<RoundRecord | undefined> {
  let from = start;
  for (;;) {
    const { plan: asked } = from;
    const retries = on.retries();
    const isOver = (): boolean => on.isStopped() || on.retries() !== retries || differ(asked, on.latest());
    const made = await unless(() => on.ready(asked).then(() => aggregate(from, round)), isOver);
    if (made !== undefined) return isWorker(asked.fields) ? { ...made, aggregator: asked.aggregator } : made;
    if (on.isStopped()) return undefined;
    const plan = on.latest();
    await on.letGo(plan);
    if (isMistNet(plan.fields) || bufferOf(plan.fields) !== undefined) return undefined;
    from = { ...from, plan };
  }
}

/** What an edit may have mended: who aggregates, or how. */
export function differ(one: RunPlan, other: RunPlan): boolean {
  const of = ({ fields, aggregator }: RunPlan): string => JSON.stringify([fields.aggregation, aggregator]);
  return of(one) !== of(other);
}
