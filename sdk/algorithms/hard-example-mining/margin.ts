import { numericParameter, probabilities } from './miner.ts';
import type { HardExampleMinerFactory } from './miner.ts';

/**
 * Classification: hard when the two most probable classes are less than `threshold_margin` (default 0.5) apart (margin sampling,
 * Scheffer et al. 2001). A single class is never hard.
 */
export const margin: HardExampleMinerFactory = (parameters = {}) => {
  const limit = numericParameter(parameters, 'threshold_margin', 0.5);
  return (result) => {
    const classes = probabilities(result);
    if (!classes || classes.length < 2) return false;
    let [first, second] = [-1, -1];
    for (let i = 0; i < classes.length; i++) {
      const p = classes[i] as number;
      if (p > first) [first, second] = [p, first];
      else if (p > second) second = p;
    }
    return first - second < limit;
  };
};
