import type { Tensor } from '../../tensor.ts';
import { InferenceError } from '../errors.ts';
import type { InferTiming } from '../served-model.ts';
import { rowsOf, sameForm, split, stack } from './batch.ts';

/** Runs a model; several at once where `capacity` says so. */
export interface Runner {
  readonly capacity: number;
  runTimed(feeds: Record<string, Tensor>): Promise<{ outputs: Record<string, Tensor>; microseconds: number }>;
}

export interface BatchingOptions {
  /** Rows that run together at most. Default: 32. */
  maxBatch?: number;
  /** How long the first request of a batch waits for others, in ms. Default: 0: what waits while the model is busy runs together. */
  maxDelayMs?: number;
}

export interface QueueOptions {
  /** Name of the model in errors. */
  name: string;
  /** Requests that wait at most; more are refused with 503. Default: 256. */
  waiting?: number;
  /** Left out: each request runs alone. Only for models whose rows do not depend on each other. */
  batching?: BatchingOptions;
}

export interface QueueAnswer {
  outputs: Record<string, Tensor>;
  timing: InferTiming;
}

interface Waiting {
  feeds: Record<string, Tensor>;
  /** `undefined`: runs alone. */
  rows: number | undefined;
  since: number;
  signal?: AbortSignal;
  resolve: (answer: QueueAnswer) => void;
  reject: (error: unknown) => void;
}

const DEFAULT_WAITING = 256;

/** Requests of one model in the order of their arrival, as many at once as it can run, rows of several together where that is wanted. */
export class RequestQueue {
  readonly #runner: Runner;
  readonly #options: QueueOptions;
  readonly #maxBatch: number;
  readonly #maxDelayMs: number;
  #waiting: Waiting[] = [];
  #running = 0;
  #timer: NodeJS.Timeout | undefined;
  #onIdle: (() => void) | undefined;

  constructor(runner: Runner, options: QueueOptions) {
    this.#runner = runner;
    this.#options = options;
    this.#maxBatch = options.batching ? (options.batching.maxBatch ?? 32) : 1;
    this.#maxDelayMs = options.batching?.maxDelayMs ?? 0;
  }

  /** Rejects with 503 at once where too many wait. A request whose signal aborts before it runs is dropped: it rejects with the reason when its turn comes. */
  run(feeds: Record<string, Tensor>, signal?: AbortSignal): Promise<QueueAnswer> {
    const { name, waiting: limit = DEFAULT_WAITING } = this.#options;
    if (this.#waiting.length >= limit && this.#live() >= limit) {
      const message = `model "${name}" is busy: ${limit} requests wait already`;
      return Promise.reject(new InferenceError(503, message, { retryAfter: 1, reason: 'REJECTED' }));
    }
    return new Promise((resolve, reject) => {
      const rows = this.#maxBatch > 1 ? rowsOf(feeds) : undefined;
      this.#waiting.push({ feeds, rows, since: performance.now(), signal, resolve, reject });
      this.#pump();
    });
  }

  /** Resolves when nothing waits or runs. */
  idle(): Promise<void> {
    if (this.#running === 0 && this.#waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  /** Throws those away that nobody waits for; gives how many are left. */
  #live(): number {
    this.#waiting = this.#waiting.filter(isWanted);
    return this.#waiting.length;
  }

  #pump(): void {
    while (this.#running < this.#runner.capacity && this.#waiting.length > 0) {
      const batch = this.#take();
      if (batch === undefined) return;
      if (batch.length > 0) void this.#dispatch(batch);
    }
    if (this.#running === 0 && this.#waiting.length === 0) this.#onIdle?.();
  }

  /** The next to run together; `undefined` while they wait for more. Those that nobody waits for any more are left out. */
  #take(): Waiting[] | undefined {
    const [first] = this.#waiting as [Waiting];
    const { count, isFull } = this.#together(first);
    const delay = first.since + this.#maxDelayMs - performance.now();
    if (!isFull && delay > 0) {
      this.#wakeAfter(delay);
      return undefined;
    }
    const taken = this.#waiting.splice(0, count);
    return taken.filter(isWanted);
  }

  /** How many from the first on run together, and whether waiting would not add to them. */
  #together(first: Waiting): { count: number; isFull: boolean } {
    let [count, rows] = [1, first.rows ?? this.#maxBatch];
    for (; rows < this.#maxBatch; count++) {
      const next = this.#waiting[count];
      if (next === undefined) return { count, isFull: false };
      rows += next.rows ?? this.#maxBatch;
      if (rows > this.#maxBatch || !sameForm(first.feeds, next.feeds)) break;
    }
    return { count, isFull: true };
  }

  #wakeAfter(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#pump();
    }, ms);
  }

  async #dispatch(batch: Waiting[]): Promise<void> {
    this.#running++;
    try {
      await this.#runTogether(batch);
    } finally {
      this.#running--;
      this.#pump();
    }
  }

  async #runTogether(batch: Waiting[]): Promise<void> {
    const began = performance.now();
    const [only] = batch;
    try {
      const isAlone = batch.length === 1 && only !== undefined;
      const { outputs, microseconds } = await this.#runner.runTimed(
        isAlone ? only.feeds : stack(batch.map(({ feeds }) => feeds)),
      );
      const rows = batch.map(({ rows: own }) => own ?? 1);
      const parts = isAlone ? [outputs] : split(outputs, rows);
      const total = rows.reduce((sum, count) => sum + count, 0);
      batch.forEach(({ since, resolve }, i) => {
        const queueUs = (began - since) * 1_000;
        const timing = { queueUs, inferUs: microseconds, batch: total, executions: i === 0 ? 1 : 0 };
        resolve({ outputs: parts[i] ?? {}, timing });
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}

function isWanted({ signal, reject }: Waiting): boolean {
  if (signal?.aborted) reject(signal.reason);
  return !signal?.aborted;
}
