/**
 * A job whose entity was ended by hand, or lost with Temporal's database, while its object stayed. One that had completed stays so: else it
 * would train all over again. One that had not takes up its run where that still goes on, and else begins with round 1.
 */
import { conditionsOf, isCount, modeOf } from '../recalling.ts';
import type { FederatedView } from './situation.ts';

/** Conditions of Sedna; the others are derived. */
const told: ReadonlySet<string> = new Set(['Training', 'Complete', 'Failed']);

export function recall(view: FederatedView, status: Record<string, unknown>): void {
  const { own } = view;
  const { phase, epoch, round, startTime, completionTime } = status;
  // Nothing was told of it, or nothing that this release says.
  if (!isCount(epoch) || own.news !== undefined || own.started === true) return;
  const conditions = conditionsOf(status['conditions']);
  own.epoch = epoch;
  own.conditions = conditions.filter(({ type }) => told.has(type));
  if (typeof startTime === 'string') own.startTime = startTime;
  const mode = modeOf(conditions);
  if (mode !== 'run') own.mode = mode;
  const isCompleted = phase === 'Succeeded' && typeof completionTime === 'string';
  if (isCompleted) {
    own.completionTime = completionTime;
    const { lastRound, rounds } = status;
    own.recalled = {
      round,
      ...(lastRound === undefined ? {} : { lastRound }),
      ...(rounds === undefined ? {} : { rounds }),
    };
    const message = `all rounds (${String(round)}), as its status tells; their models are those that its Model has`;
    own.ended = { kind: 'completed', reason: 'Recalled', message };
  }
  const goesOn = isCompleted
    ? 'it had completed and stays so'
    : 'its rounds go on where they still run, else begin again';
  view.emit({ type: 'Warning', reason: 'Recalled', message: `its workflow was gone: ${goesOn}` });
}
