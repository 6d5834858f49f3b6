import { algorithms } from '../registry.ts';
import { AggregationError } from './errors.ts';
import { bulyan } from './bulyan.ts';
import { fedAdagrad } from './fed-adagrad.ts';
import { fedAdam } from './fed-adam.ts';
import { fedAvg } from './fed-avg.ts';
import { fedAvgM } from './fed-avg-m.ts';
import { fedBuff } from './fed-buff.ts';
import { fedMedian } from './fed-median.ts';
import { fedProx } from './fed-prox.ts';
import { fedTrimmedAvg } from './fed-trimmed-avg.ts';
import { fedYogi } from './fed-yogi.ts';
import { krum } from './krum.ts';
import { multiKrum } from './multi-krum.ts';
import { qFedAvg } from './q-fed-avg.ts';
import type { Strategy, StrategyFactory, StrategyParameters } from './strategy.ts';

const TYPE = 'aggregation';

algorithms.register<StrategyFactory>(TYPE, 'FedAvg', fedAvg);
algorithms.register<StrategyFactory>(TYPE, 'FedAvgM', fedAvgM);
algorithms.register<StrategyFactory>(TYPE, 'FedProx', fedProx);
algorithms.register<StrategyFactory>(TYPE, 'FedAdagrad', fedAdagrad);
algorithms.register<StrategyFactory>(TYPE, 'FedAdam', fedAdam);
algorithms.register<StrategyFactory>(TYPE, 'FedYogi', fedYogi);
algorithms.register<StrategyFactory>(TYPE, 'FedMedian', fedMedian);
algorithms.register<StrategyFactory>(TYPE, 'FedTrimmedAvg', fedTrimmedAvg);
algorithms.register<StrategyFactory>(TYPE, 'Krum', krum);
algorithms.register<StrategyFactory>(TYPE, 'MultiKrum', multiKrum);
algorithms.register<StrategyFactory>(TYPE, 'Bulyan', bulyan);
algorithms.register<StrategyFactory>(TYPE, 'QFedAvg', qFedAvg);
algorithms.register<StrategyFactory>(TYPE, 'FedBuff', fedBuff);

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
export { MemoryRounds, aggregateInMemory } from './in-memory.ts';
export type { MemoryAggregate, MemoryUpdate } from './in-memory.ts';
export { Kernel } from './kernel/kernel.ts';
export type { KernelOptions } from './kernel/kernel.ts';
export { numbers, refuseUnknown } from './parameters.ts';
export type { NumberRule } from './parameters.ts';
export { optimize } from './server-optimizer.ts';
export type { OptimizerValues } from './server-optimizer.ts';
export type * from './strategy.ts';
export { shares, weightedMean } from './weighted-mean.ts';
