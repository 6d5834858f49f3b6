/** The aggregator did not do its part: `AggregatorFailed` ended, was silent or refused, `AggregateInvalid` answered with what is no model. */
export class AggregatorError extends Error {
  override name = 'AggregatorError';
  readonly reason: 'AggregatorFailed' | 'AggregateInvalid';

  constructor(reason: AggregatorError['reason'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

export const failed = (message: string, cause?: unknown): AggregatorError =>
  new AggregatorError('AggregatorFailed', message, { cause });
export const invalid = (message: string, cause?: unknown): AggregatorError =>
  new AggregatorError('AggregateInvalid', message, { cause });
