/** Fields that are accepted and stored, and whose meaning comes in a later release: a job says so instead of ignoring them. Pure. */
import type { FederatedLearningJobFields } from '../../../crds/fields.ts';
import type { Problem } from '../failures.ts';

const laterStrategies: ReadonlySet<string> = new Set(['MistNet', 'FedBuff', 'Worker']);

export function notYet(fields: FederatedLearningJobFields): Problem | undefined {
  const { aggregation, keepWarm } = fields;
  const later = [
    laterStrategies.has(aggregation.strategy) && `spec.aggregation.strategy: ${aggregation.strategy}`,
    !keepWarm && 'spec.keepWarm: false',
  ].filter((field) => field !== false);
  if (later.length === 0) return undefined;
  return {
    reason: 'NotSupportedYet',
    message: `${later.join(', ')}: comes in a later release; leave it out and apply again, and the rounds begin`,
  };
}
