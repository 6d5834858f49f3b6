import { krumOf } from './multi-krum.ts';
import { numbers } from './parameters.ts';
import type { StrategyFactory } from './strategy.ts';

/** The one update that lies nearest to the others: MultiKrum that selects 1. Parameter: `num_malicious_nodes` (0). */
export const krum: StrategyFactory = (parameters = {}) => {
  const rules = { num_malicious_nodes: { fallback: 0, min: 0, integer: true } };
  return krumOf(numbers(parameters, rules).num_malicious_nodes, 1);
};
