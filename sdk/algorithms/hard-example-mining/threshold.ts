import { meanScore, numericParameter } from './miner.ts';
import type { HardExampleMinerFactory } from './miner.ts';

/** Detection: hard when the mean score of the boxes is below `threshold` (default 0.5). No boxes, or one without score: not hard. */
export const threshold: HardExampleMinerFactory = (parameters = {}) => {
  const limit = numericParameter(parameters, 'threshold', 0.5);
  return (result) => meanScore(result) < limit;
};
