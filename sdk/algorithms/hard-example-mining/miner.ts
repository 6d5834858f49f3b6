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

// Miners judge every inference: they read what they are given in place, and stop where it cannot be read.

/** A list as it is, without a copy. */
export function listOf(value: unknown): ArrayLike<unknown> | undefined {
  if (Array.isArray(value)) return value as unknown[];
  return ArrayBuffer.isView(value) && 'length' in value ? (value as unknown as ArrayLike<unknown>) : undefined;
}

/** Score of a box `[x1, y1, x2, y2, score, label]`; NaN when it has none. */
export function scoreOf(box: unknown): number {
  const parts = Array.isArray(box) ? (box as unknown[]) : listOf(box);
  if (parts === undefined || parts.length <= 4) return NaN;
  const score = parts[4];
  return typeof score === 'number' ? score : Number(score);
}

/** Mean score of boxes; NaN when there is none, or one without score. */
export function meanScore(result: unknown): number {
  const boxes = listOf(result);
  if (boxes === undefined) return NaN;
  let sum = 0;
  for (let i = 0; i < boxes.length; i++) sum += scoreOf(boxes[i]);
  return sum / boxes.length;
}

/** Class probabilities, or `undefined` when there are none or any of them is outside [0, 1]. */
export function probabilities(result: unknown): ArrayLike<number> | undefined {
  const values = listOf(result);
  if (values === undefined || values.length === 0) return undefined;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value !== 'number') return probabilities(Array.from(values, Number));
    if (!isProbability(value)) return undefined;
  }
  return values as ArrayLike<number>;
}

/** Entropy of at least two class probabilities as a share of its maximum ln n, 0..1. p·ln p is 0 at p = 0, its limit. */
export function normalisedEntropy(classes: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < classes.length; i++) {
    const p = classes[i] as number;
    if (p !== 0) sum += p * Math.log(p);
  }
  return -sum / Math.log(classes.length);
}

export const isProbability = (value: number): boolean => value >= 0 && value <= 1;
