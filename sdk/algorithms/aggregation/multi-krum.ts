import { requireUpdates, selectByKrum } from './krum-scores.ts';
import { numbers } from './parameters.ts';
import type { Strategy, StrategyFactory } from './strategy.ts';
import { clientsOf, weightedMean } from './weighted-mean.ts';

/**
 * Mean, weighted by samples, of the `num_nodes_to_select` (1) updates that lie nearest to the others, when up to `num_malicious_nodes` (0)
 * clients lie. Needs 2f + 3 updates where f > 0: with fewer, liars can be each other's nearest. Blanchard et al., 2017.
 */
export const multiKrum: StrategyFactory = (parameters = {}) => {
  const { num_malicious_nodes: f, num_nodes_to_select: keep } = numbers(parameters, {
    num_malicious_nodes: { fallback: 0, min: 0, integer: true },
    num_nodes_to_select: { fallback: 1, min: 1, integer: true },
  });
  return krumOf(f, keep);
};

export function krumOf(f: number, keep: number): Strategy {
  const minUpdates = f > 0 ? 2 * f + 3 : 1;
  return {
    minUpdates,
    async aggregate(round) {
      requireUpdates(round.updates, minUpdates, `Krum against ${f} malicious clients`);
      const { chosen, left } = await selectByKrum(round, f, keep);
      const model = await weightedMean({ updates: chosen, kernel: round.kernel }, round.out.model);
      return { model, used: clientsOf(chosen), left, metrics: {} };
    },
  };
}
