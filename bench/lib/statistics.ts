import { Random } from '../../sdk/estimators/onnx/random.ts';

/** Value below which the share `p` of the values lies; the next larger one where none is exactly there. */
export function quantile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const index = Math.min(sorted.length - 1, Math.max(0, Math.ceil(p * sorted.length) - 1));
  const found = sorted[index];
  if (found === undefined) throw new RangeError('a quantile of no values');
  return found;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  if (low === undefined || high === undefined) throw new RangeError('a median of no values');
  return (low + high) / 2;
}

const RESAMPLES = 2_000;

/** 95 % interval of median(ours) / median(peers), by bootstrap with a fixed seed. */
export function ratioInterval(ours: readonly number[], peers: readonly number[]): [number, number] {
  const random = new Random(7);
  const ratios = Array.from(
    { length: RESAMPLES },
    () => resampledMedian(ours, random) / resampledMedian(peers, random),
  );
  return [quantile(ratios, 0.025), quantile(ratios, 0.975)];
}

function resampledMedian(values: readonly number[], random: Random): number {
  return median(values.map(() => values[Math.floor(random.uniform() * values.length)] ?? 0));
}

/** Milliseconds since the epoch, with the resolution of the performance clock: comparable between processes of one machine. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}
