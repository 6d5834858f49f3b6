import type { Aggregate, AggregationRound } from './strategy.ts';
import { clientsOf } from './weighted-mean.ts';

/** Per element the plain mean of the values that are left without the `cut` smallest and the `cut` largest. */
export async function fromRanks({ updates, kernel, out }: AggregationRound, cut: number): Promise<Aggregate> {
  const k = updates.length;
  const weights = updates.map((_, rank) => (rank < cut || rank >= k - cut ? 0 : 1 / (k - 2 * cut)));
  const files = updates.map(({ file }) => file);
  return { model: await kernel.ranked(files, weights, out.model), used: clientsOf(updates), left: [], metrics: {} };
}
