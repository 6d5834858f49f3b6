import { boxScores, numericParameter } from './miner.ts';
import type { HardExampleMinerFactory } from './miner.ts';

/** Detection: hard when the mean score of the boxes is below `threshold` (default 0.5). */
export const threshold: HardExampleMinerFactory = (parameters = {}) => {
  const limit = numericParameter(parameters, 'threshold', 0.5);
  return (result) => {
    const scores = boxScores(result);
    if (!scores) return false;
    return scores.reduce((sum, score) => sum + score, 0) / scores.length < limit;
  };
};
