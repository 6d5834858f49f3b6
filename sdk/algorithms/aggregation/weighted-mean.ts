import type { AggregationRound, ClientUpdate } from './strategy.ts';
import type { WrittenTensors } from '../../tensors/tensor-writer.ts';

/** Shares of the updates by any weight; they add up to 1. Divided first, so that no product can overflow. */
export function shares(updates: readonly ClientUpdate[], weight: (update: ClientUpdate) => number): number[] {
  const weights = updates.map(weight);
  const total = weights.reduce((sum, one) => sum + one, 0);
  return weights.map((one) => one / total);
}

/** The mean of updates by their samples, or by another weight, written to `out`. */
export async function weightedMean(
  { updates, kernel }: Pick<AggregationRound, 'updates' | 'kernel'>,
  out: string,
  weight: (update: ClientUpdate) => number = ({ samples }) => samples,
): Promise<WrittenTensors> {
  return kernel.mean(
    updates.map(({ file }) => file),
    shares(updates, weight),
    out,
  );
}

export const clientsOf = (updates: readonly ClientUpdate[]): string[] => updates.map(({ client }) => client);
