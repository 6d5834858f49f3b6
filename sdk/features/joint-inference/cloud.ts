import { BigModelError, TierAnswer } from './big-model.ts';
import type { BigModel, Origin } from './big-model.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import type { CircuitBreakerOptions, CircuitState } from './circuit-breaker.ts';
import { hedged } from './hedge.ts';
import { Way } from './way.ts';

export interface CloudOptions<I, O> {
  bigModel: BigModel<I, O>;
  circuit?: CircuitBreakerOptions;
  /** An answer that takes longer counts as a failure of the service, whether or not somebody waits on, in ms. Default: 500. */
  patienceMs?: number;
  /** Ask a second time when there is no answer by then, in ms. Default: never. */
  hedgeAfterMs?: number;
}

/** Why there is no answer: the service was not asked, was too slow, failed, or does not take this input. */
export const noAnswers = ['CircuitOpen', 'CloudTooLate', 'CloudFailed', 'CloudRefused'] as const;
export type NoAnswer = (typeof noAnswers)[number];

export type CloudAnswer<O> =
  | { answer: O; origin?: Origin; milliseconds: number }
  | { answer?: undefined; reason: NoAnswer; message: string; milliseconds: number };

/** Asks the big model; resolves by the deadline, whatever the network does. */
export class Cloud<I, O> {
  readonly #options: CloudOptions<I, O>;
  readonly #breaker: CircuitBreaker;
  readonly #way = new Way();

  constructor(options: CloudOptions<I, O>) {
    this.#options = options;
    this.#breaker = new CircuitBreaker(options.circuit);
  }

  get circuit(): CircuitState {
    return this.#breaker.state();
  }

  /** `signal`: the caller has gone; rejects with its reason. */
  async ask(input: I, { withinMs, signal }: { withinMs: number; signal?: AbortSignal }): Promise<CloudAnswer<O>> {
    signal?.throwIfAborted();
    const began = performance.now();
    const elapsed = (): number => performance.now() - began;
    const none = (reason: NoAnswer, message: string): CloudAnswer<O> => ({ reason, message, milliseconds: elapsed() });
    if (withinMs <= 0) return none('CloudTooLate', 'no time was left to ask the big model');
    const permit = this.#breaker.enter();
    if (!permit) return none('CircuitOpen', 'the big model did not answer lately and is not asked now');
    const impatience = setTimeout(() => permit.failed(), this.#options.patienceMs ?? 500).unref();
    // Timers are late rather than early, and a deadline is the end.
    const late = AbortSignal.timeout(Math.max(1, Math.floor(withinMs) - 1));
    try {
      const until = signal ? AbortSignal.any([signal, late]) : late;
      const answer = await orAborted(this.#ask(input, until, this.#way.timeThere(withinMs)), until);
      permit.succeeded();
      return this.#answered(answer, elapsed());
    } catch (error) {
      if (signal?.aborted) {
        permit.abandoned();
        throw error;
      }
      if (error instanceof BigModelError && error.refused) {
        permit.succeeded();
        return none('CloudRefused', error.message);
      }
      permit.failed();
      if (late.aborted) this.#way.missed();
      return late.aborted
        ? none('CloudTooLate', `the big model did not answer within ${Math.round(withinMs)} ms`)
        : none('CloudFailed', (error as Error).message);
    } finally {
      clearTimeout(impatience);
    }
  }

  async close(): Promise<void> {
    await this.#options.bigModel.close?.();
  }

  #answered(given: O | TierAnswer<O>, milliseconds: number): CloudAnswer<O> {
    if (!(given instanceof TierAnswer)) return { answer: given, milliseconds };
    const { answer, origin } = given;
    if (origin.tookMs !== undefined) this.#way.learn(milliseconds, origin.tookMs);
    return { answer, origin, milliseconds };
  }

  async #ask(input: I, signal: AbortSignal, withinMs: number): Promise<O | TierAnswer<O>> {
    const { bigModel, hedgeAfterMs } = this.#options;
    const began = performance.now();
    const ask = (until: AbortSignal): Promise<O | TierAnswer<O>> =>
      bigModel.infer(input, { signal: until, withinMs: Math.max(1, withinMs - (performance.now() - began)) });
    return hedgeAfterMs === undefined ? ask(signal) : hedged(ask, { afterMs: hedgeAfterMs, signal });
  }
}

/** A big model need not heed its signal. */
async function orAborted<T>(asked: Promise<T>, signal: AbortSignal): Promise<T> {
  const over = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true, signal: over.signal });
  });
  try {
    return await Promise.race([asked, aborted]);
  } finally {
    over.abort();
  }
}
