/** What a run remembers of what happened in it. Pure. */
import type { FederatedLearningJobFields } from '../../../crds/fields.ts';
import { countByReason } from './refusals.ts';
import {
  keptRounds,
  type LateRefusal,
  type OpenRound,
  type Refusal,
  type RoundRecord,
  type RunState,
} from './state.ts';
import { better, metSoFar } from './stopping.ts';

type Rules = FederatedLearningJobFields['rounds'];

/** After a round that has closed. */
export function kept(
  state: RunState,
  record: RoundRecord,
  { round, rules }: { round: OpenRound; rules: Rules },
): RunState {
  const samples = Object.fromEntries(round.accepted.map((update) => [update.client, update.samples]));
  return {
    ...refusing(round.refused.reduce(failing, state), round.refused),
    records: [...state.records, record].slice(-keptRounds),
    met: metSoFar(state.met, record, rules),
    ...withBest(better(state.best, record, state.records.at(-1), rules)),
    samples: { ...state.samples, ...samples },
  };
}

function withBest(best: RunState['best']): Pick<RunState, 'best'> {
  return best === undefined ? {} : { best };
}

/** A client has failed once more, which its selection may go by. */
export function failing(state: RunState, { client }: Refusal | LateRefusal): RunState {
  return { ...state, failures: { ...state.failures, [client]: (state.failures[client] ?? 0) + 1 } };
}

export function refusing(state: RunState, refusals: Refusal[]): RunState {
  return refusals.length === 0 ? state : { ...state, refusals: countByReason(state.refusals, refusals) };
}

export function withLate(record: RoundRecord, refused: LateRefusal[]): RoundRecord {
  if (refused.length === 0) return record;
  return {
    ...record,
    refusedLate: refused.map(({ client, round, problem: { reason } }) => ({ client, round, reason })),
  };
}
