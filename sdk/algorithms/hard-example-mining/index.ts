import { algorithms } from '../registry.ts';
import { bertRouter } from './bert-router.ts';
import { cloudOnly } from './cloud-only.ts';
import { crossEntropy } from './cross-entropy.ts';
import { edgeOnly } from './edge-only.ts';
import { entropy } from './entropy.ts';
import { ibt } from './ibt.ts';
import { margin } from './margin.ts';
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
algorithms.register<HardExampleMinerFactory>(TYPE, 'Margin', margin);
algorithms.register<HardExampleMinerFactory>(TYPE, 'Entropy', entropy);
algorithms.register<HardExampleMinerFactory>(TYPE, 'BertRouter', bertRouter);

/** Makes the registered miner of that name. */
export function hardExampleMiner(name: string, parameters: Record<string, unknown> = {}): HardExampleMiner {
  return algorithms.get<HardExampleMinerFactory>(TYPE, name)(parameters);
}

export { uncertainty } from './uncertainty.ts';
export type { HardExampleMiner, HardExampleMinerFactory } from './miner.ts';
