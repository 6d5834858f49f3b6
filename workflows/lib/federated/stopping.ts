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

/** Rounds in a row that met `stopWhen`, this one included. */
export function metSoFar(met: number, { metrics }: Pick<RoundRecord, 'metrics'>, { stopWhen }: Rules): number {
  const value = stopWhen === undefined ? undefined : metrics[stopWhen.metric];
  if (stopWhen === undefined || value === undefined) return 0;
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

/** The better of the best so far and this round; a round without the metric is never the best. */
export function better(best: RunState['best'], record: RoundRecord, { keepBest }: Rules): RunState['best'] {
  const value = keepBest === undefined ? undefined : record.metrics[keepBest.metric];
  if (keepBest === undefined || value === undefined || !Number.isFinite(value)) return best;
  const improves = best === undefined || (keepBest.mode === 'min' ? value < best.value : value > best.value);
  return improves ? { record, value } : best;
}

/** As if no aggregator had declared a round the last one. */
export function undeclared(run: RunState): RunState {
  return { ...run, records: run.records.map(({ finished: _, ...record }) => record) };
}
