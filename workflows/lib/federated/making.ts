/** From an open round to its record: collect, aggregate, judge; again, where something of it is lost or wanted otherwise. */
import type { AggregatorNode } from './aggregator-node.ts';
import { aggregatePatiently } from './aggregating.ts';
import type { Asking } from './asking.ts';
import type { BufferTasks } from './buffer-tasks.ts';
import { fillBuffer } from './buffered-round.ts';
import { isJudged, isJudgedOtherwise, judged } from './judging.ts';
import type { LateTasks } from './late-tasks.ts';
import { lossesPerRound, lostUpdates, reopen, storeLosesThem } from './lost-updates.ts';
import { collect, type RoundStart } from './round.ts';
import type { OpenRound, RoundRecord, RunStage } from './state.ts';
import { unless } from './unless.ts';
import type { Wanted } from './wanted.ts';

export interface Makers {
  wanted: Wanted;
  asking: Asking;
  late: LateTasks;
  buffer: BufferTasks;
  aggregator: AggregatorNode;
  /** Where the round is, and the node that it waits for. */
  tell: (stage: RunStage, node?: string) => void;
}

/** Undefined: the round is left, to be opened again some day. */
export async function makeRound(makers: Makers, start: RoundStart, round: OpenRound): Promise<RoundRecord | undefined> {
  const made = await aggregated(makers, start, round);
  return made && judgedAsWanted(makers, made);
}

async function aggregated(makers: Makers, start: RoundStart, round: OpenRound): Promise<RoundRecord | undefined> {
  const { aggregator, late, buffer, tell } = makers;
  for (let losses = 0; ; losses++) {
    if (!(await isCollected(makers, start, round))) return undefined;
    aggregator.note(start.plan);
    try {
      return await aggregate(makers, start, round);
    } catch (error) {
      const lost = lostUpdates(error);
      if (lost === undefined) throw error;
      if (losses === lossesPerRound) throw storeLosesThem(error);
      late.expire(round.round + 1);
      buffer.giveBack(reopen(round, lost), false);
      tell('Collecting');
    }
  }
}

function isCollected(
  { wanted, asking, late, buffer, tell }: Makers,
  start: RoundStart,
  round: OpenRound,
): Promise<boolean> {
  const on = { changed: () => tell('Collecting'), isStopped: () => wanted.isStopped };
  return round.buffer === undefined
    ? collect(start, round, { ...on, asking, late })
    : fillBuffer(start, round, { ...on, buffer, latest: () => wanted.plan });
}

function aggregate(
  { wanted, aggregator, tell }: Makers,
  start: RoundStart,
  round: OpenRound,
): Promise<RoundRecord | undefined> {
  let node = start.plan.aggregator;
  tell('Aggregating', node);
  return aggregatePatiently(start, round, {
    isStopped: () => wanted.isStopped,
    retries: () => wanted.retries,
    latest: () => wanted.plan,
    letGo: (plan) => aggregator.letGo(plan),
    ready: (plan) => {
      if (plan.aggregator !== node) tell('Aggregating', (node = plan.aggregator));
      return aggregator.ready(plan);
    },
  });
}

/** As it is wanted now: an edit may mend it. Undefined: somebody stops the job meanwhile. */
async function judgedAsWanted({ wanted, tell }: Makers, made: RoundRecord): Promise<RoundRecord | undefined> {
  for (;;) {
    const { plan, retries } = wanted;
    if (!isJudged(plan, made.round)) return made;
    tell('Evaluating', plan.test?.node);
    const isOver = (): boolean =>
      wanted.isStopped || wanted.retries !== retries || isJudgedOtherwise(plan, wanted.plan);
    const record = await unless(() => judged(plan, made), isOver);
    if (record !== undefined || wanted.isStopped) return record;
  }
}
