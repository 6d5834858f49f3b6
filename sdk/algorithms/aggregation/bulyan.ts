import { requireUpdates, selectByKrum } from './krum-scores.ts';
import { numbers } from './parameters.ts';
import type { StrategyFactory } from './strategy.ts';
import { clientsOf } from './weighted-mean.ts';

/**
 * MultiKrum's K − 2f best updates, and of those per element the mean of the K − 4f values nearest to their median. Needs 4f + 3 updates;
 * samples do not weigh. El Mhamdi et al., "The Hidden Vulnerability of Distributed Learning in Byzantium", 2018
 * (arxiv.org/abs/1802.07927). Parameter: `num_malicious_nodes` (0).
 */
export const bulyan: StrategyFactory = (parameters = {}) => {
  const rules = { num_malicious_nodes: { fallback: 0, min: 0, integer: true } };
  const f = numbers(parameters, rules).num_malicious_nodes;
  return {
    minUpdates: 4 * f + 3,
    async aggregate(round) {
      requireUpdates(round.updates, 4 * f + 3, `Bulyan against ${f} malicious clients`);
      const theta = round.updates.length - 2 * f;
      const { chosen, left } = await selectByKrum(round, f, theta);
      const files = chosen.map(({ file }) => file);
      const model = await round.kernel.closest(files, theta - 2 * f, round.out.model);
      return { model, used: clientsOf(chosen), left, metrics: {} };
    },
  };
};
