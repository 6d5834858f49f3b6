import { normalisedEntropy, numericParameter, probabilities } from './miner.ts';
import type { HardExampleMinerFactory } from './miner.ts';

/**
 * Classification: hard when the certainty 1 + (Σ p·ln p) / ln n, that is one minus the normalised entropy of n classes, is below
 * `threshold_cross_entropy` (default 0.5). A single class is never hard.
 */
export const crossEntropy: HardExampleMinerFactory = (parameters = {}) => {
  const limit = numericParameter(parameters, 'threshold_cross_entropy', 0.5);
  return (result) => {
    const classes = probabilities(result);
    if (!classes || classes.length < 2) return false;
    return 1 - normalisedEntropy(classes) < limit;
  };
};
