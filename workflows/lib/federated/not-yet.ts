/** What is accepted and stored, and whose meaning comes in a later release: a job says so instead of ignoring it. Pure. */
import type { FederatedLearningJobFields } from '../../../crds/fields.ts';
import type { Problem } from '../failures.ts';

export function notYet({ aggregation }: FederatedLearningJobFields): Problem | undefined {
  if (aggregation.strategy !== 'Worker') return undefined;
  return {
    reason: 'NotSupportedYet',
    message:
      'spec.aggregation.strategy: Worker: aggregators of your own come in a later release; leave the strategy out (FedAvg), name ' +
      'another one, or make a module of it (docs/write-a-strategy.md) and apply again: the rounds begin',
  };
}
