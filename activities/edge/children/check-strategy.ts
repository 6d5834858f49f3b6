/** Child process: whether a strategy is there and takes its parameters. */
import { mistNet, nodeStrategy } from '../../../sdk/algorithms/aggregation/index.ts';
import type { CheckStrategyInput, StrategyNeeds } from '../../contracts.ts';
import { answerEach } from './lib.ts';

export interface CheckStrategyChildInput extends CheckStrategyInput {
  /** Files with strategies of this node. */
  modules: readonly string[];
}

answerEach(async ({ name, parameters, modules }: CheckStrategyChildInput): Promise<StrategyNeeds> => {
  if (name === 'MistNet') {
    mistNet(parameters);
    return {};
  }
  const { pace, minUpdates = 1 } = await nodeStrategy({ name, parameters }, modules);
  // A buffer is no quorum, and one update is what every round has.
  return pace === 'buffer' || minUpdates <= 1 ? {} : { minUpdates };
});
