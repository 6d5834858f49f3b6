import { algorithms } from '../registry.ts';
import { AggregationError } from './errors.ts';
import { fedAvg } from './fed-avg.ts';
import type { Strategy, StrategyFactory, StrategyParameters } from './strategy.ts';

const TYPE = 'aggregation';

algorithms.register<StrategyFactory>(TYPE, 'FedAvg', fedAvg);

/** The registered strategy of that name. Throws `AggregationError`: `UnknownStrategy`, or `InvalidParameter` that names the field. */
export function aggregationStrategy(name: string, parameters: StrategyParameters = {}): Strategy {
  if (!algorithms.has(TYPE, name)) {
    const known = algorithms.names(TYPE).join(', ');
    throw new AggregationError(
      'UnknownStrategy',
      `spec.aggregation.strategy: ${JSON.stringify(name)} is unknown; there are ${known}`,
    );
  }
  return algorithms.get<StrategyFactory>(TYPE, name)(parameters);
}

export { checkUpdate } from './checks/check-update.ts';
export type { CheckedUpdate, UpdateClaim, UpdateExpectation, UpdatePolicy } from './checks/check-update.ts';
export { checkIdentity } from './checks/identity.ts';
export type { Identity } from './checks/identity.ts';
export type { Refusal, RefusalReason } from './checks/refusal.ts';
export { AggregationError } from './errors.ts';
export type { AggregationReason } from './errors.ts';
export { Kernel } from './kernel/kernel.ts';
export type { KernelOptions } from './kernel/kernel.ts';
export { numbers, refuseUnknown } from './parameters.ts';
export type { NumberRule } from './parameters.ts';
export type * from './strategy.ts';
export { shares, weightedMean } from './weighted-mean.ts';
