import { algorithms } from '../registry.ts';
import { loadStrategies, type ModuleStrategies } from './modules.ts';
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

/**
 * The strategy of that name: a registered one, or one of `modules`. Throws `AggregationError`: `UnknownStrategy`, or `InvalidParameter` that
 * names the field.
 */
export function aggregationStrategy(
  name: string,
  parameters: StrategyParameters = {},
  modules: ModuleStrategies = new Map(),
): Strategy {
  const own = modules.get(name);
  if (own !== undefined) return own.factory(parameters);
  if (!algorithms.has(TYPE, name)) {
    const known = [...algorithms.names(TYPE), ...modules.keys()].join(', ');
    throw new AggregationError(
      'UnknownStrategy',
      `spec.aggregation.strategy: ${JSON.stringify(name)} is unknown; there are ${known}`,
    );
  }
  return algorithms.get<StrategyFactory>(TYPE, name)(parameters);
}

/** One of this SDK, which no module can replace. */
export const isOwnStrategy = (name: string): boolean => algorithms.has(TYPE, name);

/** The same with the modules of a node, which are loaded only for a name that this SDK does not have: a broken one is in nobody else's way. */
export async function nodeStrategy(
  { name, parameters }: { name: string; parameters: StrategyParameters },
  files: readonly string[],
): Promise<Strategy> {
  const modules = isOwnStrategy(name) ? undefined : await loadStrategies(files);
  return aggregationStrategy(name, parameters, modules);
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
export { mistNet } from './mist-net.ts';
export type { MistNet } from './mist-net.ts';
export { loadStrategies } from './modules.ts';
export type { ModuleStrategies } from './modules.ts';
export { numbers, refuseUnknown } from './parameters.ts';
export type { NumberRule } from './parameters.ts';
export { optimize } from './server-optimizer.ts';
export type { OptimizerValues } from './server-optimizer.ts';
export type * from './strategy.ts';
export { userAggregator } from './user-aggregator.ts';
export type { UserAggregator } from './user-aggregator.ts';
export { shares, weightedMean } from './weighted-mean.ts';
