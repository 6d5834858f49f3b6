/** Which rounds are good, and whether the job has had enough of them. Pure. */
import type { FederatedLearningJobFields } from '../../../crds/fields.ts';
import type { RoundRecord, RunState } from './state.ts';

type Rules = FederatedLearningJobFields['rounds'];

const agrees: Record<string, (value: number, threshold: number) => boolean> = {
  '>': (value, threshold) => value > threshold,
  '>=': (value, threshold) => value >= threshold,
  '<': (value, threshold) => value < threshold,
  '<=': (value, threshold) => value <= threshold,
};

/** Rounds in a row that met `stopWhen`, this one included. One without the metric, such as one that nobody has judged, counts neither way. */
export function metSoFar(met: number, { metrics }: Pick<RoundRecord, 'metrics'>, { stopWhen }: Rules): number {
  const value = stopWhen === undefined ? undefined : metrics[stopWhen.metric];
  if (stopWhen === undefined) return 0;
  if (value === undefined) return met;
  return agrees[stopWhen.operator]?.(value, stopWhen.threshold) ? met + 1 : 0;
}

export function hasEnough(met: number, { stopWhen }: Rules): boolean {
  return stopWhen !== undefined && met >= (stopWhen.patience ?? 1);
}

interface Completion {
  met: number;
  /** The last one. */
  round: number;
  /** The aggregator of the user's own says so. */
  finished?: boolean;
  /** Whose model is live. */
  live: RoundRecord | undefined;
}

/** Why there are no more rounds, for people. */
export function whyComplete(
  rules: Rules,
  { met, round, live, finished = false }: Completion,
): { reason: string; message: string } {
  const enough = hasEnough(met, rules);
  const { metric, operator, threshold } = rules.stopWhen ?? {};
  const ended = finished && round < rules.total;
  const why = enough
    ? `round ${round}: ${metric} ${operator} ${threshold}`
    : `${round} of ${rules.total} rounds${ended ? ': the aggregator says that it was the last one' : ''}`;
  const version = live && `; live version ${(live.file ?? live.weights).sha256.slice(0, 12)}, of round ${live.round}`;
  return { reason: enough ? 'StopWhen' : ended ? 'AggregatorEnded' : 'AllRounds', message: `${why}${version ?? ''}` };
}

/**
 * The better of the best so far and the round that this one has judged: itself, or the one before (`judged`), where clients judge what they
 * start from. A round without the metric, and what round 1 started from, is never the best.
 */
export function better(
  best: RunState['best'],
  record: RoundRecord,
  before: RoundRecord | undefined,
  { keepBest }: Rules,
): RunState['best'] {
  const value = keepBest === undefined ? undefined : record.metrics[keepBest.metric];
  if (keepBest === undefined || value === undefined || !Number.isFinite(value)) return best;
  const found = record.ofBefore?.includes(keepBest.metric) === true ? judgedBy(record, before) : record;
  if (found === undefined) return best;
  const improves = best === undefined || (keepBest.mode === 'min' ? value < best.value : value > best.value);
  return improves ? { record: found, value } : best;
}

/** The round before, with what the clients of this one have said of its model. */
export function judgedBy(
  { round, metrics, ofBefore = [] }: RoundRecord,
  before: RoundRecord | undefined,
): RoundRecord | undefined {
  if (before?.round !== round - 1) return undefined;
  const named = ofBefore.flatMap((name) => (metrics[name] === undefined ? [] : [[name, metrics[name]] as const]));
  return { ...before, judged: Object.fromEntries(named) };
}

/** Metrics that the job goes by and no round has, though one that was judged has others: misspelt, or not in `evaluation.metrics`. For people. */
export function unknownMetrics({ stopWhen, keepBest }: Rules, records: readonly RoundRecord[]): string | undefined {
  const known = new Set(records.flatMap(({ metrics }) => Object.keys(metrics)));
  const asked = Object.entries({ stopWhen, keepBest }).flatMap(([field, rule]) =>
    rule === undefined || known.has(rule.metric) ? [] : [`spec.rounds.${field}.metric: no round has "${rule.metric}"`],
  );
  if (asked.length === 0 || known.size === 0) return undefined;
  return `${asked.join('; ')}; they have ${[...known].sort().slice(0, 20).join(', ')}`;
}

/** As if no aggregator had declared a round the last one. */
export function undeclared(run: RunState): RunState {
  return { ...run, records: run.records.map(({ finished: _, ...record }) => record) };
}
