/** A steady stream of digits to the edge, and what became of each: what an edge application would see. */
import { InferenceClient } from '../../../sdk/index.ts';
import { pixels, type Digit } from '../../incremental-learning/mnist/digits.ts';
import { byTheClock } from '../../lib/by-the-clock.ts';
import { messageOf } from '../../lib/errors.ts';
import { imageOf } from './prepare.ts';

export interface Outcome {
  label: number;
  /** Class with the highest score: the first answer's, then that of the final one. */
  answer: number;
  hard: boolean;
  degraded: boolean;
  /** `edge`, `cloud` or a tier: who gave the first answer. */
  answeredBy: unknown;
  reason: unknown;
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

/** Sends by the clock. */
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
    const { requestsPerSecond, digits } = this.#options;
    this.#sending = byTheClock(requestsPerSecond, this.#stop.signal, (count) => {
      this.sent = count;
      return this.#ask(`digit-${count}`, digits[(count - 1) % digits.length] as Digit);
    });
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
        answeredBy: parameters['answered_by'],
        reason: parameters['reason'],
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
