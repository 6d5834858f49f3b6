/** Why a request got no answer, by the words of Triton's metric `nv_inference_request_failure`. */
export type FailureReason = 'REJECTED' | 'CANCELED' | 'BACKEND' | 'OTHER';

export interface InferenceErrorOptions extends ErrorOptions {
  /** Seconds after which another try may work: becomes the header `Retry-After`. */
  retryAfter?: number;
  reason?: FailureReason;
}

/** A request that cannot be answered; the status is HTTP's. */
export class InferenceError extends Error {
  override name = 'InferenceError';
  readonly statusCode: number;
  readonly retryAfter?: number;
  readonly reason: FailureReason;

  constructor(statusCode: number, message: string, options: InferenceErrorOptions = {}) {
    const { retryAfter, reason = 'OTHER', cause } = options;
    super(message, { cause });
    this.statusCode = statusCode;
    this.retryAfter = retryAfter;
    this.reason = reason;
  }
}

/** As it is if it is one, else 500 with its message. */
export function inferenceError(error: unknown): InferenceError {
  if (error instanceof InferenceError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new InferenceError(500, message, { cause: error, reason: 'BACKEND' });
}
