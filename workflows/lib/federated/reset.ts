/** `reset`: a new epoch, in which the rounds after a stored one are run again. Pure. */
import type { FederatedView } from './situation.ts';
import { better, metSoFar, undeclared } from './stopping.ts';
import { storedRounds } from './stored.ts';
import type { RunState } from './state.ts';

const howTo =
  'say the round to go back to, 0 for the beginning: sedna reset OBJECT --to-round 3, or sedna.io/reset: "3"';

/**
 * Returns why it is refused. `abandoned`: the run of the epoch that ends here; it is to be cancelled before another one begins.
 * What the rounds were made from stays: selection, seeds and updates follow from the job, so without an edit the same models come again.
 * Not where a choice goes by what clients have done (`ByDataSize`, `ByFailures`), or layers stay with them (`excludeLayers`): that is not taken back.
 */
export function reset(view: FederatedView, argument: unknown, abandoned: string): string | undefined {
  const { own, desired, operations } = view;
  const to = roundOf(argument);
  if (to === undefined) return howTo.replace('OBJECT', `fl/${view.ref.name}`);
  const { records } = own.run;
  const done = records.at(-1)?.round ?? 0;
  if (to > done) return `round ${to} is not finished: ${storedRounds(records)}`;
  if (to > 0 && records.every(({ round }) => round !== to)) {
    return `round ${to} is no longer stored: ${storedRounds(records)}, and 0 is the beginning`;
  }
  if (own.started === true || operations.isRunning('run')) own.abandoned = [...(own.abandoned ?? []), abandoned];
  own.epoch += 1;
  own.resumes = 0;
  own.run = backTo(own.run, to, desired.fields.rounds);
  own.started = undefined;
  own.news = undefined;
  own.clients = {};
  own.aggregator = undefined;
  own.completionTime = undefined;
  own.recalled = undefined;
  own.retries = undefined;
  own.told = { mode: 'run' };
  own.ended = own.mode === 'stop' ? { kind: 'stopped' } : undefined;
  const message = `epoch ${own.epoch}: the rounds after ${to === 0 ? 'the beginning' : `round ${to}`} are run again`;
  view.emit({ type: 'Normal', reason: 'Reset', message });
  return undefined;
}

function backTo(run: RunState, to: number, rules: Parameters<typeof metSoFar>[2]): RunState {
  // That the aggregator has said enough of it holds no longer: somebody wants more rounds.
  const { late: _, buffer: __, best, ...rest } = undeclared(run);
  const records = rest.records.filter(({ round }) => round <= to);
  const known = best !== undefined && best.record.round <= to ? best : undefined;
  const again = records.reduce((found, record, i) => better(found, record, records[i - 1], rules), known);
  return {
    ...rest,
    records,
    met: records.reduce((met, record) => metSoFar(met, record, rules), 0),
    ...(again === undefined ? {} : { best: again }),
  };
}

/** Of the command line `{toRound}`; of the annotation `{value}`, a number and anything after it that makes the value a new one. */
function roundOf(argument: unknown): number | undefined {
  const { toRound, value } = (typeof argument === 'object' && argument !== null ? argument : {}) as Record<
    string,
    unknown
  >;
  const text = typeof value === 'string' ? /^\s*(\d{1,9})(?!\w)/.exec(value)?.[1] : undefined;
  const round = toRound ?? (text === undefined ? undefined : Number(text));
  return typeof round === 'number' && Number.isSafeInteger(round) && round >= 0 ? round : undefined;
}
