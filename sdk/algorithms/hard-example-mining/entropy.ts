import { normalisedEntropy, numericParameter, probabilities } from './miner.ts';
import type { HardExampleMinerFactory } from './miner.ts';

/**
 * Classification: hard when the entropy of the classes, as a share of its maximum ln n, is above `threshold_entropy` (default 0.5).
 * `CrossEntropy` is the same rule from the other side: it asks whether 1 minus this is below its threshold.
 */
export const entropy: HardExampleMinerFactory = (parameters = {}) => {
  const limit = numericParameter(parameters, 'threshold_entropy', 0.5);
  return (result) => {
    const classes = probabilities(result);
    return classes !== undefined && classes.length > 1 && normalisedEntropy(classes) > limit;
  };
};
