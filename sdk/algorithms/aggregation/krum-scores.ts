import { AggregationError } from './errors.ts';
import type { AggregationRound, ClientUpdate } from './strategy.ts';

/**
 * The `keep` updates with the lowest Krum score, in client order: the sum of the squared distances to the K − f − 2 nearest others (at
 * least one). Equal scores: the earlier client. Blanchard et al., "Machine Learning with Adversaries", 2017 (arxiv.org/abs/1703.02757).
 */
export async function selectByKrum(
  { updates, kernel }: Pick<AggregationRound, 'updates' | 'kernel'>,
  malicious: number,
  keep: number,
): Promise<{ chosen: ClientUpdate[]; left: { client: string; reason: string }[] }> {
  const k = updates.length;
  const distances = await kernel.distances(updates.map(({ file }) => file));
  const nearest = Math.max(1, k - malicious - 2);
  const scores = updates.map((_, a) =>
    [...distances.subarray(a * k, (a + 1) * k)]
      .filter((_, b) => b !== a)
      .sort((x, y) => x - y)
      .slice(0, nearest)
      .reduce((sum, distance) => sum + distance, 0),
  );
  const order = updates.map((_, i) => i).sort((a, b) => (scores[a] as number) - (scores[b] as number) || a - b);
  const best = new Set(order.slice(0, keep));
  return {
    chosen: updates.filter((_, i) => best.has(i)),
    left: updates.flatMap(({ client }, i) =>
      best.has(i)
        ? []
        : [{ client, reason: `Krum score ${scores[i]?.toPrecision(4)} is not among the ${keep} lowest` }],
    ),
  };
}

/** Throws `TooFewUpdates`. */
export function requireUpdates(updates: readonly ClientUpdate[], least: number, why: string): void {
  if (updates.length >= least) return;
  throw new AggregationError(
    'TooFewUpdates',
    `${updates.length} updates; ${why} needs ${least} (raise spec.rounds.quorum)`,
  );
}
