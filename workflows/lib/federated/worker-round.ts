/**
 * Aggregating a closed round by a program of the user's own. Its node tries again for as long as that program fails; an edit, `retry` or `stop`
 * ends the waiting. What was accepted stays accepted: nobody is asked again.
 */
import { CancellationScope, condition } from '@temporalio/workflow';
import { bufferOf } from './buffer.ts';
import { isMistNet } from './mist-net.ts';
import { aggregate, type RoundStart } from './round.ts';
import type { OpenRound, RoundRecord, RunPlan } from './state.ts';
import { isWorker } from './user-aggregator.ts';

export interface Aggregating {
  isStopped: () => boolean;
  /** Rises when somebody wants it tried at once. */
  retries: () => number;
  /** The job as it is wanted now. */
  latest: () => RunPlan;
  /** Stops the aggregator that was asked, where the plan has no use for it. */
  letGo: (plan: RunPlan) => Promise<void>;
  /** Before the node of a plan is asked. Throws where its strategy cannot be. */
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
    const made = await unless(() => aggregate(from, round), isOver);
    if (made !== undefined) return isWorker(asked.fields) ? { ...made, aggregator: asked.aggregator } : made;
    if (on.isStopped()) return undefined;
    const plan = on.latest();
    await on.letGo(plan);
    if (isMistNet(plan.fields) || bufferOf(plan.fields) !== undefined) return undefined;
    await on.ready(plan);
    from = { ...from, plan };
  }
}

/** What an edit may have mended. Other fields take effect at the next round. */
function differ(one: RunPlan, other: RunPlan): boolean {
  const of = ({ fields, aggregator }: RunPlan): string => JSON.stringify([fields.aggregation, aggregator]);
  return of(one) !== of(other);
}

/** What `act` gives, or undefined once `isOver` and it was cancelled. */
async function unless<T>(act: () => Promise<T>, isOver: () => boolean): Promise<T | undefined> {
  const scope = new CancellationScope();
  const state: { value?: T; error?: Error; isSettled: boolean } = { isSettled: false };
  void scope
    .run(act)
    .then(
      (value) => (state.value = value),
      (error: Error) => (state.error = error),
    )
    .then(() => (state.isSettled = true));
  await condition(() => state.isSettled || isOver());
  if (state.isSettled && state.error !== undefined) throw state.error;
  if (state.isSettled) return state.value;
  scope.cancel();
  await condition(() => state.isSettled);
  // It may have been done in the same moment.
  return state.value;
}
