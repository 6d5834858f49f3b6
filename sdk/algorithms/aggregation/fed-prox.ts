import { fedAvg } from './fed-avg.ts';
import { numbers } from './parameters.ts';
import type { StrategyFactory } from './strategy.ts';

/**
 * FedAvg whose clients add `proximal_mu`/2 · |w − w_global|² to their loss (default 0: FedAvg). Li et al., "Federated Optimization in
 * Heterogeneous Networks", 2020 (arxiv.org/abs/1812.06127).
 */
export const fedProx: StrategyFactory = (parameters = {}) => {
  const { proximal_mu: mu } = numbers(parameters, { proximal_mu: { fallback: 0, min: 0 } });
  return { ...fedAvg(), client: { mu } };
};
