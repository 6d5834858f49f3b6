export type AggregationReason =
  | 'InvalidParameter'
  | 'UnknownStrategy'
  | 'BadStrategyModule'
  | 'StrategyFailed'
  | 'TooFewUpdates'
  | 'MetricMissing'
  | 'ResultNotFinite'
  | 'StateMismatch';

/** Why a round could not be aggregated: trying again with the same updates gives the same. */
export class AggregationError extends Error {
  override name = 'AggregationError';
  readonly reason: AggregationReason;

  constructor(reason: AggregationReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}
