import { numbers } from './parameters.ts';
import { fromRanks } from './ranks.ts';
import type { StrategyFactory } from './strategy.ts';

/**
 * Mean of each element without the ⌊`beta`·K⌋ smallest and the as many largest values (default 0.2, below 0.5). Samples do not weigh. Yin
 * et al., "Byzantine-Robust Distributed Learning", 2018 (arxiv.org/abs/1803.01498).
 */
export const fedTrimmedAvg: StrategyFactory = (parameters = {}) => {
  const { beta } = numbers(parameters, { beta: { fallback: 0.2, min: 0, below: 0.5 } });
  return { aggregate: (round) => fromRanks(round, Math.floor(beta * round.updates.length)) };
};
