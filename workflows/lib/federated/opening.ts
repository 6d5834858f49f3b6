/** A round as it begins. Pure. */
import { bufferOf } from './buffer.ts';
import { lateFor } from './late.ts';
import type { LateUpdate, OpenRound, RunPlan } from './state.ts';

export interface Opening {
  round: number;
  plan: RunPlan;
  selected: string[];
  /** Of earlier rounds. */
  late: LateUpdate[];
  /** Of the strategy. */
  minUpdates: number;
  /** Milliseconds since the epoch. */
  now: number;
}

export function openRound({ round, plan, selected, late, minUpdates, now }: Opening): OpenRound {
  const { generation, fields, clients } = plan;
  const head = { round, generation, selected, accepted: [], refused: [], startedAt: now };
  const buffer = bufferOf(fields);
  if (buffer !== undefined) return { ...head, buffer };
  const own = lateFor(round, late, clients);
  const { deadlineMs } = fields.rounds;
  return {
    ...head,
    ...(minUpdates <= 1 ? {} : { minUpdates }),
    ...(own.length === 0 ? {} : { late: own }),
    ...(deadlineMs === undefined ? {} : { deadlineAt: now + deadlineMs }),
  };
}
