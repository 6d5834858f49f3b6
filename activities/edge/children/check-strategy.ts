/** Child process: whether a strategy is there and takes its parameters. */
import { mistNet, nodeStrategy } from '../../../sdk/algorithms/aggregation/index.ts';
import type { CheckStrategyInput } from '../../contracts.ts';
import { answerEach } from './lib.ts';

export interface CheckStrategyChildInput extends CheckStrategyInput {
  /** Files with strategies of this node. */
  modules: readonly string[];
}

answerEach(async ({ name, parameters, modules }: CheckStrategyChildInput): Promise<null> => {
  if (name === 'MistNet') mistNet(parameters);
  else await nodeStrategy({ name, parameters }, modules);
  return null;
});
