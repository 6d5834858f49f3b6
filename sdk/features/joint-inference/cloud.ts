import { BigModelError, TierAnswer } from './big-model.ts';
import type { BigModel, Origin } from './big-model.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import type { CircuitBreakerOptions, CircuitState, Permit } from './circuit-breaker.ts';
import { hedged } from './hedge.ts';
import { peak, Way } from './way.ts';

export interface CloudOptions<I, O> {
  bigModel: BigModel<I, O>;
  circuit?: CircuitBreakerOptions;
  /** An answer that takes longer counts as a failure of the service, whether or not somebody waits on, in ms. Default: 500. */
  patienceMs?: number;
  /** Who waits when the circuit opens waits no longer. For a tier: its caller counts the time of its answer against it. Default: false. */
  givesUpTogether?: boolean;
  /** Ask a second time when there is no answer by then, in ms. Default: never. */
  hedgeAfterMs?: number;
}

/** Why there is no answer: the service was not asked, was too slow, failed, or does not take this input. */
export const noAnswers = ['CircuitOpen', 'CloudTooLate', 'CloudFailed', 'CloudRefused'] as const;
export type NoAnswer = (typeof noAnswers)[number];

export type CloudAnswer<O> = { answer: O; origin?: Origin; milliseconds: number } | NoneGiven;

interface NoneGiven {
  answer?: undefined;
  reason: NoAnswer;
  message: string;
  milliseconds: number;
  /** Of `CloudFailed`: the service took the input and failed at it, so either may be to blame. */
  failedAtInput?: boolean;
}

/** Asks the big model; resolves by the deadline, whatever the network does. */
export class Cloud<I, O> {
  readonly #options: CloudOptions<I, O>;
  readonly #breaker: CircuitBreaker;
  readonly #patienceMs: number;
  readonly #way = new Way();
  /** What its answers take, and when the last one came. */
  #answers = { ms: 0, lastAt: -Infinity };
  /** Those that wait, each until the circuit opens. */
  readonly #waiting = new Set<AbortController>();

  constructor(options: CloudOptions<I, O>) {
    this.#options = options;
    this.#patienceMs = options.patienceMs ?? 500;
    this.#breaker = new CircuitBreaker({
      ...options.circuit,
      onOpen: () => {
        this.#giveUp();
        options.circuit?.onOpen?.();
      },
    });
  }

  get circuit(): CircuitState {
    return this.#breaker.state();
  }

  /** `signal`: the caller has gone; rejects with its reason. */
  async ask(input: I, { withinMs, signal }: { withinMs: number; signal?: AbortSignal }): Promise<CloudAnswer<O>> {
    signal?.throwIfAborted();
    const began = performance.now();
    const elapsed = (): number => performance.now() - began;
    const none = (reason: NoAnswer, message: string): NoneGiven => ({ reason, message, milliseconds: elapsed() });
    if (withinMs <= 0) return none('CloudTooLate', 'no time was left to ask the big model');
    const permit = this.#breaker.enter();
    if (!permit) return none('CircuitOpen', 'the big model did not answer lately and is not asked now');
    const impatience = setTimeout(() => permit.failed(), this.#patienceMs).unref();
    // Timers are late rather than early, and a deadline is the end.
    const late = AbortSignal.timeout(Math.max(1, Math.floor(withinMs) - 1));
    const untilOpen = new AbortController();
    if (this.#options.givesUpTogether) this.#waiting.add(untilOpen);
    try {
      const until = AbortSignal.any([late, untilOpen.signal, signal].filter((one) => one !== undefined));
      const answer = await orAborted(this.#ask(input, until, this.#way.timeThere(withinMs)), until);
      permit.succeeded();
      this.#answers = { ms: peak(this.#answers.ms, elapsed()), lastAt: performance.now() };
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
      if (late.aborted) return this.#tooLate(permit, none('CloudTooLate', tooLate(withinMs)));
      if (untilOpen.signal.aborted) {
        return none('CircuitOpen', 'the big model does not answer and is not waited for');
      }
      permit.failed();
      return { ...none('CloudFailed', (error as Error).message), failedAtInput: isOfInput(error) };
    } finally {
      clearTimeout(impatience);
      this.#waiting.delete(untilOpen);
    }
  }

  async close(): Promise<void> {
    await this.#options.bigModel.close?.();
  }

  #tooLate(permit: Permit, answer: NoneGiven): NoneGiven {
    if (this.#isWell(answer.milliseconds)) permit.abandoned();
    else permit.failed();
    this.#way.missed();
    return answer;
  }

  /** It has answered just now, and takes longer than somebody has waited: who is in a greater hurry learns nothing about it. */
  #isWell(waitedMs: number): boolean {
    const { ms, lastAt } = this.#answers;
    return waitedMs < ms && performance.now() - lastAt < this.#patienceMs;
  }

  #giveUp(): void {
    for (const untilOpen of this.#waiting) untilOpen.abort();
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

const tooLate = (withinMs: number): string => `the big model did not answer within ${Math.round(withinMs)} ms`;

const isOfInput = (error: unknown): boolean => !(error instanceof BigModelError) || error.failedAtInput;

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
