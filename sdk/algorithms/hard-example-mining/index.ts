import { algorithms } from '../registry.ts';
import { cloudOnly } from './cloud-only.ts';
import { crossEntropy } from './cross-entropy.ts';
import { edgeOnly } from './edge-only.ts';
import { ibt } from './ibt.ts';
import type { HardExampleMiner, HardExampleMinerFactory } from './miner.ts';
import { random } from './random.ts';
import { threshold } from './threshold.ts';

const TYPE = 'hard_example_mining';

algorithms.register<HardExampleMinerFactory>(TYPE, 'Threshold', threshold);
algorithms.register<HardExampleMinerFactory>(TYPE, 'CrossEntropy', crossEntropy);
algorithms.register<HardExampleMinerFactory>(TYPE, 'IBT', ibt);
algorithms.register<HardExampleMinerFactory>(TYPE, 'Random', (parameters) => random(parameters));
algorithms.register<HardExampleMinerFactory>(TYPE, 'CloudOnly', cloudOnly);
algorithms.register<HardExampleMinerFactory>(TYPE, 'EdgeOnly', edgeOnly);

/** Makes the registered miner of that name. */
export function hardExampleMiner(name: string, parameters: Record<string, unknown> = {}): HardExampleMiner {
  return algorithms.get<HardExampleMinerFactory>(TYPE, name)(parameters);
}

export type { HardExampleMiner, HardExampleMinerFactory } from './miner.ts';
