import { numericParameter } from './miner.ts';
import type { HardExampleMiner } from './miner.ts';

/** Hard with probability `random_ratio` (default 0.3), whatever the result. `draw` gives numbers uniform in [0, 1). */
export function random(parameters: Record<string, unknown> = {}, draw: () => number = Math.random): HardExampleMiner {
  const ratio = numericParameter(parameters, 'random_ratio', 0.3);
  return () => draw() < ratio;
}
