/** A request that cannot be answered; the status is HTTP's. */
export class InferenceError extends Error {
  override name = 'InferenceError';
  readonly statusCode: number;

  constructor(statusCode: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.statusCode = statusCode;
  }
}
