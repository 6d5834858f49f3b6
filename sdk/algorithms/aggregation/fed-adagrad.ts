import { adapt, adaptiveRules } from './adaptive.ts';
import { numbers } from './parameters.ts';
import type { StrategyFactory } from './strategy.ts';

/** {@link adapt} with v = v + Δ² and no momentum. Parameters: `eta` (0.1), `eta_l` (0.1), `tau` (0.001). */
export const fedAdagrad: StrategyFactory = (parameters = {}) => {
  const { eta, tau } = numbers(parameters, adaptiveRules({ eta: 0.1, eta_l: 0.1 }));
  return { aggregate: (round) => adapt(round, { eta, tau, beta1: 0, second: (v, squared) => v + squared }) };
};
