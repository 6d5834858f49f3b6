import { refuseUnknown } from './parameters.ts';
import type { StrategyFactory } from './strategy.ts';
import { clientsOf, weightedMean } from './weighted-mean.ts';

/**
 * Mean of the updates weighted by their samples: w = Σ (n_k / N) · w_k. McMahan et al., "Communication-Efficient Learning of Deep
 * Networks from Decentralized Data", 2017 (arxiv.org/abs/1602.05629). No parameters.
 */
export const fedAvg: StrategyFactory = (parameters = {}) => {
  refuseUnknown(parameters, []);
  return {
    aggregate: async (round) => ({
      model: await weightedMean(round, round.out.model),
      used: clientsOf(round.updates),
      left: [],
      metrics: {},
    }),
  };
};
