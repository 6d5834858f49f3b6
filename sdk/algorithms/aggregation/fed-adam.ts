import { adapt, adaptiveRules, betaRules } from './adaptive.ts';
import { numbers } from './parameters.ts';
import type { StrategyFactory } from './strategy.ts';

/**
 * {@link adapt} with v = β₂v + (1 − β₂)Δ² and η corrected for the moments' beginning at 0, as Flower does: η·√(1 − β₂^(t+1)) /
 * (1 − β₁^(t+1)) in round t. Parameters: `eta` (0.1), `eta_l` (0.1), `beta_1` (0.9), `beta_2` (0.99), `tau` (0.001).
 */
export const fedAdam: StrategyFactory = (parameters = {}) => {
  const rules = { ...adaptiveRules({ eta: 0.1, eta_l: 0.1 }), ...betaRules };
  const { eta, beta_1: beta1, beta_2: beta2, tau } = numbers(parameters, rules);
  return {
    aggregate: (round) => {
      const t = round.round + 1;
      const corrected = (eta * Math.sqrt(1 - beta2 ** t)) / (1 - beta1 ** t);
      return adapt(round, { eta: corrected, tau, beta1, second: (v, squared) => beta2 * v + (1 - beta2) * squared });
    },
  };
};
