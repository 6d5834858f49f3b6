import { boxScores, isProbability, numericParameter } from './miner.ts';
import type { HardExampleMinerFactory } from './miner.ts';

/**
 * Detection, image-box threshold: hard when the share of boxes that score at most `threshold_box` (default 0.5) is at least
 * 1 - `threshold_img` (default 0.5). Any score outside [0, 1]: not hard.
 */
export const ibt: HardExampleMinerFactory = (parameters = {}) => {
  const imageLimit = numericParameter(parameters, 'threshold_img', 0.5);
  const boxLimit = numericParameter(parameters, 'threshold_box', 0.5);
  return (result) => {
    const scores = boxScores(result);
    if (!scores?.every(isProbability)) return false;
    return scores.filter((score) => score <= boxLimit).length / scores.length >= 1 - imageLimit;
  };
};
