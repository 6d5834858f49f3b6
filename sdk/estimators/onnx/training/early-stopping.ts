import { OnnxError } from '../errors.ts';

export type WatchedMetric = 'loss' | 'accuracy' | 'validationLoss' | 'validationAccuracy';

export interface EarlyStoppingOptions {
  /** Epochs without an improvement after which training ends. */
  patience: number;
  /** Losses are to fall, accuracies to rise. Default 'validationLoss'. */
  metric?: WatchedMetric;
  /** What counts as an improvement. Default 0: anything better. */
  minDelta?: number;
  /** Ends with the weights of the best epoch instead of the last one. Default true. */
  restoreBest?: boolean;
}

/** Kept in checkpoints. */
export interface BestSoFar {
  value: number | null;
  /** Epochs since. */
  age: number;
}

export function checkEarlyStopping({ patience, metric, minDelta = 0 }: EarlyStoppingOptions): void {
  const known = ['loss', 'accuracy', 'validationLoss', 'validationAccuracy'];
  if (!Number.isInteger(patience) || patience < 1)
    throw invalid('patience', `${patience} is not a whole number above 0`);
  if (!Number.isFinite(minDelta) || minDelta < 0) throw invalid('minDelta', `${minDelta} is not a number from 0 up`);
  if (metric !== undefined && !known.includes(metric)) {
    throw invalid('metric', `"${metric}" is unknown; known: ${known.join(', ')}`);
  }
}

function invalid(field: string, reason: string): OnnxError {
  return new OnnxError('InvalidOptions', `option earlyStopping.${field}: ${reason}`);
}

/** Whether the value is better than the best so far by more than `minDelta`; a number is better than none (NaN, which JSON keeps as null). */
export function improves(value: number, best: BestSoFar | undefined, options: EarlyStoppingOptions): boolean {
  if (!best) return true;
  if (Number.isNaN(value)) return false;
  if (best.value === null || Number.isNaN(best.value)) return true;
  const { metric = 'validationLoss', minDelta = 0 } = options;
  const rise = /accuracy$/i.test(metric) ? value - best.value : best.value - value;
  return rise > minDelta;
}
