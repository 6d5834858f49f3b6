/** A steady stream of digits to the edge, and what became of each: what an edge application would see. */
import { setTimeout as delay } from 'node:timers/promises';
import { InferenceClient } from '../../../sdk/index.ts';
import { pixels, type Digit } from '../../incremental-learning/mnist/digits.ts';
import { messageOf } from '../../lib/errors.ts';
import { imageOf } from './prepare.ts';

export interface Outcome {
  label: number;
  /** Class with the highest score: the first answer's, then that of the final one. */
  answer: number;
  hard: boolean;
  degraded: boolean;
  deferred?: 'pending' | 'refused' | 'final' | 'expired';
  milliseconds: number;
}

export interface LoadOptions {
  /** Base address of the edge. */
  url: string;
  model: string;
  requestsPerSecond: number;
  /** Sent in turn. */
  digits: readonly Digit[];
}

/** Above this a request counts as failed, in ms; the worker's own deadline is 1 s. */
const deadlineMs = 5_000;

/** Sends by the clock, whether or not earlier requests are answered. */
export class JointLoad {
  readonly #options: LoadOptions;
  readonly #client: InferenceClient;
  readonly #outcomes = new Map<string, Outcome>();
  readonly #stop = new AbortController();
  #sending: Promise<void> = Promise.resolve();
  sent = 0;
  failed = 0;
  firstProblem: string | undefined;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#client = new InferenceClient(options.url);
  }

  start(): void {
    this.#sending = this.#send();
  }

  /** Sends no more, and waits for the answers that are under way. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#sending;
  }

  outcomes(): Outcome[] {
    return [...this.#outcomes.values()];
  }

  /** A deferred request has come to its end; `answer`: class of the final answer. */
  ended(id: string, state: 'final' | 'expired', answer?: number): void {
    const outcome = this.#outcomes.get(id);
    if (outcome) Object.assign(outcome, { deferred: state, ...(answer !== undefined && { answer }) });
  }

  async #send(): Promise<void> {
    const { requestsPerSecond, digits } = this.#options;
    const began = performance.now();
    const open = new Set<Promise<void>>();
    while (!this.#stop.signal.aborted) {
      const digit = digits[this.sent % digits.length] as Digit;
      this.sent += 1;
      const asked: Promise<void> = this.#ask(`digit-${this.sent}`, digit).finally(() => open.delete(asked));
      open.add(asked);
      const due = began + (this.sent * 1_000) / requestsPerSecond;
      const wait = delay(Math.max(0, due - performance.now()), undefined, { signal: this.#stop.signal });
      await wait.catch(() => undefined);
    }
    await Promise.all(open);
  }

  async #ask(id: string, { label, image }: Digit): Promise<void> {
    const began = performance.now();
    try {
      const { outputs, parameters } = await this.#client.infer({
        model: this.#options.model,
        id,
        feeds: { input: { datatype: 'float32', shape: [1, pixels], data: imageOf(image) } },
        signal: AbortSignal.timeout(deadlineMs),
      });
      const scores = Array.from(Object.values(outputs)[0]?.data as Float32Array);
      this.#outcomes.set(id, {
        label,
        answer: classOf(scores),
        hard: parameters['hard'] === true,
        degraded: parameters['degraded'] === true,
        deferred: parameters['deferred'] as Outcome['deferred'],
        milliseconds: performance.now() - began,
      });
    } catch (error) {
      this.failed += 1;
      this.firstProblem ??= messageOf(error);
    }
  }
}

export const classOf = (scores: readonly number[]): number => scores.indexOf(Math.max(...scores));
