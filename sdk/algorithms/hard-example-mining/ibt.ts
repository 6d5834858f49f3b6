import { isProbability, listOf, numericParameter, scoreOf } from './miner.ts';
import type { HardExampleMinerFactory } from './miner.ts';

/**
 * Detection, image-box threshold: hard when the share of boxes that score at most `threshold_box` (default 0.5) is at least
 * 1 - `threshold_img` (default 0.5). Any score outside [0, 1]: not hard.
 */
export const ibt: HardExampleMinerFactory = (parameters = {}) => {
  const imageLimit = numericParameter(parameters, 'threshold_img', 0.5);
  const boxLimit = numericParameter(parameters, 'threshold_box', 0.5);
  return (result) => {
    const boxes = listOf(result);
    if (boxes === undefined || boxes.length === 0) return false;
    let low = 0;
    for (let i = 0; i < boxes.length; i++) {
      const score = scoreOf(boxes[i]);
      if (!isProbability(score)) return false;
      if (score <= boxLimit) low += 1;
    }
    return low / boxes.length >= 1 - imageLimit;
  };
};
