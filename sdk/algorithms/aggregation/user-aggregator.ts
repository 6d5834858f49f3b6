import { AggregationError } from './errors.ts';
import { numbers, refuseUnknown } from './parameters.ts';
import type { StrategyParameters } from './strategy.ts';

/** Parameters of the strategy Worker: how the aggregator of a user's own is spoken to. */
export interface UserAggregator {
  /** The name of its aggregation class, which is the path of its address. */
  aggregation: string;
  /** For a whole round: to start, to read the updates and to answer. */
  timeoutSeconds: number;
}

/** Reads `aggregation` (FedAvg) and `timeoutSeconds` (600). Throws `InvalidParameter` that names the field. */
export function userAggregator(parameters: StrategyParameters = {}): UserAggregator {
  refuseUnknown(parameters, ['aggregation', 'timeoutSeconds']);
  const { aggregation = 'FedAvg', ...rest } = parameters;
  const range = numbers(rest, { timeoutSeconds: { fallback: 600, above: 0, max: 86_400 } });
  if (typeof aggregation !== 'string' || !/^[A-Za-z_][A-Za-z0-9_]{0,99}$/.test(aggregation)) {
    throw new AggregationError(
      'InvalidParameter',
      `spec.aggregation.parameters.aggregation: must be the name of the aggregator's class, such as FedAvg, not ${JSON.stringify(aggregation)}`,
    );
  }
  return { aggregation, ...range };
}
