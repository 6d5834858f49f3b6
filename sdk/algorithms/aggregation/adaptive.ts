import { optimize } from './server-optimizer.ts';
import type { AggregationRound, Aggregate } from './strategy.ts';

export interface AdaptiveRule {
  /** Step on the server. */
  eta: number;
  beta1: number;
  /** Added to the root of the second moment. */
  tau: number;
  /** The second moment from the old one and the squared difference Δ². */
  second: (v: number, squared: number) => number;
}

/**
 * What FedAdagrad, FedAdam and FedYogi share: Δ = mean − w, m = β₁m + (1 − β₁)Δ, v = rule(v, Δ²), w = w + η·m / (√v + τ). Reddi et al.,
 * "Adaptive Federated Optimization", 2021 (arxiv.org/abs/2003.00295), algorithm 2; moments begin at 0.
 */
export function adapt(round: AggregationRound, { eta, beta1, tau, second }: AdaptiveRule): Promise<Aggregate> {
  return optimize(round, 2, ({ global, mean, slots }) => {
    const [m, v] = slots as [Float64Array, Float64Array];
    for (let i = 0; i < global.length; i++) {
      const delta = (mean[i] as number) - (global[i] as number);
      const first = beta1 * (m[i] as number) + (1 - beta1) * delta;
      const squares = second(v[i] as number, delta * delta);
      [m[i], v[i]] = [first, squares];
      global[i] = (global[i] as number) + (eta * first) / (Math.sqrt(squares) + tau);
    }
  });
}

/** Parameters of the three. `eta_l` is the clients' learning rate: known for compatibility, it plays no part on the server. */
export const adaptiveRules = (defaults: { eta: number; eta_l: number }) => ({
  eta: { fallback: defaults.eta, above: 0 },
  eta_l: { fallback: defaults.eta_l, above: 0 },
  tau: { fallback: 1e-3, above: 0 },
});

export const betaRules = {
  beta_1: { fallback: 0.9, min: 0, below: 1 },
  beta_2: { fallback: 0.99, min: 0, below: 1 },
};
