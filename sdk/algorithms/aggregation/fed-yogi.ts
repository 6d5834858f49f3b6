import { adapt, adaptiveRules, betaRules } from './adaptive.ts';
import { numbers } from './parameters.ts';
import type { StrategyFactory } from './strategy.ts';

/**
 * {@link adapt} with v = v − (1 − β₂)Δ²·sign(v − Δ²). Parameters: `eta` (0.01), `eta_l` (0.0316), `beta_1` (0.9), `beta_2` (0.99), `tau`
 * (0.001).
 */
export const fedYogi: StrategyFactory = (parameters = {}) => {
  const rules = { ...adaptiveRules({ eta: 0.01, eta_l: 0.0316 }), ...betaRules };
  const { eta, beta_1: beta1, beta_2: beta2, tau } = numbers(parameters, rules);
  const second = (v: number, squared: number): number => v - (1 - beta2) * squared * Math.sign(v - squared);
  return { aggregate: (round) => adapt(round, { eta, tau, beta1, second }) };
};
