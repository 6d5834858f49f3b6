/** The better model that hard examples are sent to; `sednaBigModel` and `oipBigModel` are two, a function of yours is another. */
export interface BigModel<I = unknown, O = unknown> {
  /** Rejects with a {@link BigModelError} where it is known whether the input or the service is to blame. */
  infer(input: I, options: { signal: AbortSignal }): Promise<O>;
  close?(): Promise<void>;
}

/** The big model gave no answer. */
export class BigModelError extends Error {
  override name = 'BigModelError';
  /** The service is well, it is this input that it does not take: asking again does not help. */
  readonly refused: boolean;

  constructor(message: string, options: ErrorOptions & { refused?: boolean } = {}) {
    super(message, options);
    this.refused = options.refused ?? false;
  }
}

/** What an HTTP status other than 200 says: 408 and 429 are about the service, the other 4xx about the request. */
export const isRefusal = (status: number): boolean => status >= 400 && status < 500 && status !== 408 && status !== 429;
