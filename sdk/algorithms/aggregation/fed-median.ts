import { refuseUnknown } from './parameters.ts';
import { fromRanks } from './ranks.ts';
import type { StrategyFactory } from './strategy.ts';

/**
 * Median of each element; of an even number, the mean of the middle two. Samples do not weigh. Yin et al., "Byzantine-Robust Distributed
 * Learning", 2018 (arxiv.org/abs/1803.01498). No parameters.
 */
export const fedMedian: StrategyFactory = (parameters = {}) => {
  refuseUnknown(parameters, []);
  return { aggregate: (round) => fromRanks(round, Math.floor((round.updates.length - 1) / 2)) };
};
