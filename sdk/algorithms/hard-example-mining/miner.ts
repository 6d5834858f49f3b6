/**
 * Decides from one inference result whether the sample is hard, that is, worth a better model's opinion.
 * Results are lists of boxes `[x1, y1, x2, y2, score, label]` (detection) or lists of class probabilities (classification);
 * what a miner cannot read is not hard.
 */
export type HardExampleMiner = (result: unknown) => boolean | Promise<boolean>;

/** Makes a miner from parameters; values from manifests are strings. Unknown parameters are ignored. */
export type HardExampleMinerFactory = (parameters?: Record<string, unknown>) => HardExampleMiner;

/** A parameter as a number. Accepts numeric strings; throws an error that names the parameter otherwise. */
export function numericParameter(parameters: Record<string, unknown>, name: string, fallback: number): number {
  const value = parameters[name];
  if (value === undefined || value === null || value === '') return fallback;
  const number = typeof value === 'string' ? Number(value) : value;
  if (typeof number === 'number' && Number.isFinite(number)) return number;
  throw new Error(`hard example mining parameter "${name}": must be a number, not ${JSON.stringify(value)}`);
}

/** Scores of the boxes, or `undefined` when there are none or any of them has no score. */
export function boxScores(result: unknown): number[] | undefined {
  const boxes = toArray(result);
  if (!boxes || boxes.length === 0) return undefined;
  const scores = boxes.map((box) => {
    const parts = toArray(box);
    return parts && parts.length > 4 ? Number(parts[4]) : NaN;
  });
  return scores.some(Number.isNaN) ? undefined : scores;
}

/** Class probabilities, or `undefined` when there are none or any of them is outside [0, 1]. */
export function probabilities(result: unknown): number[] | undefined {
  const values = toArray(result)?.map(Number);
  return values && values.length > 0 && values.every(isProbability) ? values : undefined;
}

/** Entropy of at least two class probabilities as a share of its maximum ln n, 0..1. p·ln p is 0 at p = 0, its limit. */
export function normalisedEntropy(classes: readonly number[]): number {
  return -classes.reduce((sum, p) => sum + (p === 0 ? 0 : p * Math.log(p)), 0) / Math.log(classes.length);
}

export const isProbability = (value: number): boolean => value >= 0 && value <= 1;

function toArray(value: unknown): unknown[] | undefined {
  if (Array.isArray(value)) return value as unknown[];
  if (ArrayBuffer.isView(value) && Symbol.iterator in value) return Array.from(value as unknown as Iterable<unknown>);
  return undefined;
}
