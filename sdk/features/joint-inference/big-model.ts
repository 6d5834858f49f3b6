/** The better model that hard examples are sent to; `sednaBigModel` and `oipBigModel` are two, a function of yours is another. */
export interface BigModel<I = unknown, O = unknown> {
  /**
   * Rejects with a {@link BigModelError} where it is known whether the input or the service is to blame. `withinMs`: the time that
   * it may take; a tier is told, so that it waits for the next one no longer. `signal` aborts a little later.
   */
  infer(input: I, options: { signal: AbortSignal; withinMs?: number }): Promise<O | TierAnswer<O>>;
  close?(): Promise<void>;
}

/** The answer of a big model that asks a bigger one about what is hard for it: it says how it came about. */
export class TierAnswer<O = unknown> {
  readonly answer: O;
  readonly origin: Origin;

  constructor(answer: O, origin: Origin) {
    this.answer = answer;
    this.origin = origin;
  }
}

export interface Origin {
  /** Name of the tier that answered; `cloud`: the end of the chain. */
  answeredBy: string;
  /** It is hard for the model that answered, and no better one could be asked: no final answer. */
  degraded: boolean;
  /** As the tier said it. */
  reason?: string;
  message?: string;
  /** Time that the tier took, in ms: the rest was spent on the way. */
  tookMs?: number;
}

export type Blame = Pick<BigModelError, 'refused' | 'unknown' | 'failedAtInput'>;

/** The big model gave no answer. */
export class BigModelError extends Error {
  override name = 'BigModelError';
  /** The service is well, it is this input that it does not take: asking again does not help. */
  readonly refused: boolean;
  /** It is not asked in this way: nobody there knows the path. */
  readonly unknown: boolean;
  /** The service took the input and failed at it: either may be to blame. So it is with errors of other classes. */
  readonly failedAtInput: boolean;

  constructor(message: string, options: ErrorOptions & Partial<Blame> = {}) {
    super(message, options);
    this.refused = options.refused ?? false;
    this.unknown = options.unknown ?? false;
    this.failedAtInput = options.failedAtInput ?? false;
  }
}

/** Bad Request, Content Too Large, Unsupported Media Type, Unprocessable Content. */
const aboutTheInput = [400, 413, 415, 422];

/** What an HTTP status other than 200 says. Other 4xx are about the service: a model that is not loaded, a gateway that wants a password. 502: a proxy lost who had it. */
export const blame = (status: number): Blame => ({
  refused: aboutTheInput.includes(status),
  unknown: status === 404,
  failedAtInput: status === 500 || status === 502,
});
