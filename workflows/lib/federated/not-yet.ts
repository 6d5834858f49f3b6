/** Fields that are accepted and stored, and whose meaning comes in a later release: a job says so instead of ignoring them. Pure. */
import type { FederatedLearningJobFields } from '../../../crds/fields.ts';
import type { Problem } from '../failures.ts';

const laterStrategies: ReadonlySet<string> = new Set(['MistNet', 'Worker']);

export function notYet({ aggregation }: FederatedLearningJobFields): Problem | undefined {
  if (!laterStrategies.has(aggregation.strategy)) return undefined;
  return {
    reason: 'NotSupportedYet',
    message: `spec.aggregation.strategy: ${aggregation.strategy}: comes in a later release; name another one and apply again, and the rounds begin`,
  };
}
