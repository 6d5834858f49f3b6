/**
 * Aggregating a closed round, by a strategy or by a program of the user's own. Its node tries again for as long as that fails, or is away; an edit, `retry`
 * or `stop` ends the waiting. What was accepted stays accepted: nobody is asked again.
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
export async function aggregatePatiently(
  start: RoundStart,
  round: OpenRound,
  on: Aggregating,
): Promise<RoundRecord | undefined> {
  let from = start;
  // A strategy's round goes by the plan that it began with, until an edit or a retry from here on: what was edited before is for the next round.
  let known = isWorker(start.plan.fields) ? start.plan : on.latest();
  for (;;) {
    const { plan: asked } = from;
    const [retries, before] = [on.retries(), known];
    const isOver = (): boolean => on.isStopped() || on.retries() !== retries || differ(before, on.latest());
    const made = await unless(() => on.ready(asked).then(() => aggregate(from, round)), isOver);
    if (made !== undefined) return isWorker(asked.fields) ? { ...made, aggregator: asked.aggregator } : made;
    if (on.isStopped()) return undefined;
    const plan = on.latest();
    await on.letGo(plan);
    if (!takesOver(from, plan)) return undefined;
    from = { ...from, plan };
    known = plan;
  }
}

/** Whether what the clients have handed over is what the strategy of an edit aggregates. */
function takesOver({ plan: { fields }, encoding }: RoundStart, { fields: wanted }: RunPlan): boolean {
  if (encoding !== undefined) {
    const cut = (of: typeof fields): string => JSON.stringify(of.aggregation.parameters);
    return isMistNet(wanted) && cut(fields) === cut(wanted);
  }
  return !isMistNet(wanted) && (bufferOf(fields) === undefined) === (bufferOf(wanted) === undefined);
}

/** What an edit may have mended: who aggregates, or how. */
export function differ(one: RunPlan, other: RunPlan): boolean {
  const of = ({ fields, aggregator }: RunPlan): string => JSON.stringify([fields.aggregation, aggregator]);
  return of(one) !== of(other);
}
