import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { deserialize, serialize } from 'node:v8';
import { uncertainty } from '../../../algorithms/hard-example-mining/uncertainty.ts';
import type { Cloud, CloudAnswer } from '../cloud.ts';
import { callbackProblem, canonical } from './callbacks.ts';
import type { CallbackHosts } from './callbacks.ts';
import { FailedInputs } from './failed-inputs.ts';
import { takeIn } from './inherited.ts';
import type { DeferredSettings } from './settings.ts';
import { learnSome } from './learning.ts';
import type { Learner } from './learning.ts';
import { DeferredStoreClient } from './store-client.ts';
import type { DeferredState, ExpiryReason, StoredRequest } from './store.ts';
import { Telling } from './telling.ts';

export interface DeferredOptions {
  /** On the node, kept over restarts. Several replicas of a worker may share it. */
  folder: string;
  /** Largest size of what is kept there, in bytes; at least 4 MiB. */
  quotaBytes: number;
  /** Time until a request expires, in ms; its end is kept as long again for its caller. */
  maxAgeMs: number;
  /** False: nothing new is kept, what waits still gets its end. Default: true. */
  accepts?: boolean;
  /** Default: none. */
  callbackHosts?: CallbackHosts;
  /** Time the big model may take for one answer, in ms. Default: 30 000. */
  askMs?: number;
  /** How an end is written to a callback. Default: as it is, in JSON. */
  present?: (end: DeferredAnswer) => object;
  /** How unsure a provisional answer is, 0..1. Default: of class probabilities and of boxes, as filters read them. */
  uncertainty?: (provisional: unknown) => number;
  onProblem?: (problem: Error) => void;
}

/** What became of a request whose first answer was the little model's. */
export interface DeferredAnswer {
  id: string;
  state: DeferredState;
  /** Of the little model; absent once there is an end. */
  provisional?: unknown;
  /** Of the big model. */
  answer?: unknown;
  reason?: ExpiryReason;
  message?: string;
  /** Numbers the ends in their order. */
  sequence?: number;
}

type GivenAnswer = Exclude<CloudAnswer<unknown>, { reason: unknown }>;

export interface NewDeferral<I> {
  id: string;
  input: I;
  /** The answer that its caller has now. */
  provisional: unknown;
  callback?: string;
  /** Time for the disk, in ms. Default: 10 000. */
  withinMs?: number;
}

export interface Deferral {
  id: string;
  /** `unconfirmed`: it was not on disk by the deadline, and may get there. */
  state: 'pending' | 'refused' | 'unconfirmed';
  message?: string;
}

/** Questions that the big model is asked at the same time. */
const atOnce = 4;
const longestId = 256;
const keepMs = 10_000;
const leaseMs = 60_000;
const pauseMs = 500;
const sweepMs = 1_000;
/** Longest pause between questions to a tier that cannot reach the next one: each costs it an answer of its own model. */
const longestRestMs = 5_000;
const againMs = 60_000;

/**
 * Final answers that come later: hard examples that could not reach the cloud wait on disk, and are asked about once it is back, those
 * that the little model was least sure of first. Each request ends exactly once, with an answer or with the reason why there is
 * none, and its end is told at least once.
 */
export class DeferredAnswers<I = unknown> {
  readonly #options: DeferredOptions;
  readonly #store: DeferredStoreClient;
  readonly #closing = new AbortController();
  readonly #telling: Telling;
  readonly #ended = new EventEmitter().setMaxListeners(0);
  readonly #sleepers = new Set<() => void>();
  #work: Promise<unknown> = Promise.resolve();
  /** The big model is a tier that gave a degraded answer: nothing is asked until then. */
  #rest = { ms: 0, until: 0 };
  /** Inputs with such an answer: others have their turn before them, for the tier may be sure of those. */
  readonly #putAside = new Set<string>();
  readonly #failed = new FailedInputs();
  #told: { message: string; at: number } | undefined;

  constructor(options: DeferredOptions) {
    this.#options = options;
    const { folder, quotaBytes, maxAgeMs, callbackHosts = [] } = options;
    const applies: DeferredSettings = { quotaBytes, maxAgeMs, callbackHosts };
    const settings = this.accepts ? JSON.stringify(applies) : undefined;
    this.#store = new DeferredStoreClient({ folder, quotaBytes, maxAgeMs, settings });
    const present = (end: StoredRequest) => this.#presented(end);
    this.#telling = new Telling({ store: this.#store, callbackHosts, present, signal: this.#closing.signal });
  }

  get accepts(): boolean {
    return this.#options.accepts ?? true;
  }

  /** Begins to ask, to tell callers and to expire. `learner`: gets each input that has a final answer at least once, kills or not. */
  start(cloud: Cloud<I, unknown>, learner?: Learner<I>): void {
    const { signal } = this.#closing;
    const every = async (step: () => Promise<boolean>, pause: number): Promise<void> => {
      while (!signal.aborted) {
        const again = await step().catch((error: Error) => {
          if (!signal.aborted) this.#problem(error);
          return false;
        });
        if (!again) await this.#pause(pause);
      }
    };
    this.#work = Promise.all([
      ...Array.from({ length: atOnce }, () => every(() => this.#askNext(cloud, learner !== undefined), pauseMs)),
      ...(learner ? [every(() => learnSome(this.#store, learner, (problem) => this.#problem(problem)), pauseMs)] : []),
      every(() => this.#telling.next(), pauseMs),
      every(() => this.#sweep(), sweepMs),
      every(() => this.#takeIn(), sweepMs),
    ]);
  }

  /**
   * Keeps a request for later. Resolves once that is durable, or refused with the reason. It gets another id where another request has
   * the one that it brings: many callers give all of theirs the same.
   */
  async keep({ withinMs = keepMs, ...request }: NewDeferral<I>): Promise<Deferral> {
    const over = new AbortController();
    const message = 'it was not on the disk of the node by the deadline';
    const late = delay(Math.max(1, withinMs), { id: request.id, state: 'unconfirmed' as const, message }, over);
    late.catch(() => undefined);
    try {
      return await Promise.race([this.#keep(request), late]);
    } finally {
      over.abort();
    }
  }

  async #keep(request: NewDeferral<I>): Promise<Deferral> {
    const { input, provisional, callback } = request;
    const id = request.id.length <= longestId ? request.id : randomUUID();
    const refused = (message: string): Deferral => ({ id, state: 'refused', message });
    const problem = callback === undefined ? undefined : callbackProblem(callback, this.#options.callbackHosts ?? []);
    if (problem !== undefined) return refused(`the callback ${problem}`);
    const kept = await this.#store
      .call('put', {
        id,
        input: serialize(input),
        provisional: serialize(provisional),
        uncertainty: (this.#options.uncertainty ?? uncertainty)(provisional),
        callback: callback && canonical(callback),
      })
      .catch((error: Error) => error);
    if (kept instanceof Error) this.#problem(kept);
    if (kept === 'IdTaken') return this.#keep({ ...request, id: randomUUID() });
    if (kept !== 'Kept') return refused(kept === 'NoRoom' ? 'there is no room in spec.deferred.quota' : kept.message);
    this.#wake();
    return { id, state: 'pending' };
  }

  /** `fetched`: somebody has it now; where room is needed it may go, unless its callback is still to be told. */
  async get(id: string, { fetched = false } = {}): Promise<DeferredAnswer | undefined> {
    const found = await this.#store.call('get', id);
    if (found && fetched && found.state !== 'pending') await this.#store.call('fetched', id);
    return found && toAnswer(found);
  }

  /** Ends as they come, also those that other replicas bring about. Without `after` only those from now on. */
  async *ends(after: number | undefined, signal: AbortSignal): AsyncGenerator<DeferredAnswer> {
    const newest = await this.#store.call('lastSequence');
    // Larger ones are of a node where the service was before, and whose ends are not here yet: better twice than never.
    let last = after === undefined ? newest : after > newest ? 0 : after;
    while (!signal.aborted && !this.#closing.signal.aborted) {
      const found = await this.#store.call('endsAfter', last, 100);
      for (const one of found) {
        yield toAnswer(one);
        last = one.sequence ?? last;
      }
      if (found.length === 0) await this.#nextEnd(signal);
    }
  }

  counts(): Promise<Record<DeferredState, number>> {
    return this.#store.call('counts');
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#wake();
    await this.#work;
    await this.#telling.idle();
    await this.#store.close();
  }

  async #askNext(cloud: Cloud<I, unknown>, learn: boolean): Promise<boolean> {
    if (cloud.circuit === 'open' || performance.now() < this.#rest.until) return false;
    const claimed = await this.#store.call('claim', leaseMs);
    if (!claimed) return this.#takeUp();
    const { digest } = claimed;
    const input = deserialize(claimed.input) as I;
    const withinMs = this.#options.askMs ?? 30_000;
    const said = await cloud.ask(input, { withinMs, signal: this.#closing.signal }).catch(() => undefined);
    if (said && !('reason' in said) && !said.origin?.degraded) {
      await this.#finalise(digest, said, learn);
      return true;
    }
    const { reason, message = '' } = whyNone(said);
    if (reason === 'CloudRefused') {
      this.#failed.ended(digest);
      await this.#store.call('expire', digest, 'CloudRefused', message);
      this.#ended.emit('end');
      return true;
    }
    await this.#putBack(digest, said);
    return false;
  }

  async #finalise(digest: string, { answer, origin }: GivenAnswer, learn: boolean): Promise<void> {
    this.#rest = { ms: 0, until: 0 };
    this.#failed.ended(digest);
    if (origin === undefined || origin.answeredBy === 'cloud') await this.#takeUp();
    await this.#store.call('finalise', digest, serialize(answer), { learn });
    this.#ended.emit('end');
    if (learn) this.#wake();
  }

  async #putBack(digest: string, said: CloudAnswer<unknown> | undefined): Promise<void> {
    if (said && !('reason' in said)) this.#takeRest(digest);
    else await this.#store.call('release', digest, this.#pauseAfter(digest, said));
  }

  /** Undefined: nothing speaks against this input, nobody has taken it. */
  #pauseAfter(digest: string, said: CloudAnswer<unknown> | undefined): number | undefined {
    if (said && 'reason' in said) {
      if (said.failedAtInput) return this.#failed.failed(digest, 'failing');
      if (said.reason === 'CloudTooLate') return this.#failed.failed(digest, 'late');
    }
    return this.#failed.has(digest) ? 0 : undefined;
  }

  /** Once for all that were asked together. */
  #takeRest(digest: string): void {
    this.#putAside.add(digest);
    const now = performance.now();
    if (now < this.#rest.until) return;
    const ms = Math.min(longestRestMs, Math.max(pauseMs, this.#rest.ms * 2));
    this.#rest = { ms, until: now + ms };
  }

  /** What was put aside may be asked about again. */
  async #takeUp(): Promise<boolean> {
    const digests = [...this.#putAside];
    this.#putAside.clear();
    for (const digest of digests) await this.#store.call('release', digest);
    return digests.length > 0;
  }

  #presented(end: StoredRequest): { id: string } {
    const answer = toAnswer(end);
    return { ...(this.#options.present?.(answer) ?? answer), id: answer.id };
  }

  async #takeIn(): Promise<boolean> {
    const { signal } = this.#closing;
    const onProblem = (problem: Error): void => (signal.aborted ? undefined : this.#problem(problem));
    if (await takeIn(this.#options.folder, this.#store, onProblem)) this.#wake();
    return false;
  }

  async #sweep(): Promise<boolean> {
    if ((await this.#store.call('sweep')) > 0) this.#ended.emit('end');
    return false;
  }

  async #pause(milliseconds: number): Promise<void> {
    const { signal } = this.#closing;
    const woken = new AbortController();
    const wake = (): void => woken.abort();
    this.#sleepers.add(wake);
    const either = AbortSignal.any([signal, woken.signal]);
    await delay(milliseconds, undefined, { signal: either, ref: false }).catch(() => undefined);
    this.#sleepers.delete(wake);
  }

  #wake(): void {
    for (const wake of this.#sleepers) wake();
  }

  async #nextEnd(signal: AbortSignal): Promise<void> {
    const over = AbortSignal.any([signal, this.#closing.signal]);
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#ended.off('end', done);
        over.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, pauseMs).unref();
      this.#ended.once('end', done);
      over.addEventListener('abort', done, { once: true });
    });
  }

  /** Work is tried again and again: the same trouble is told once a minute. */
  #problem(error: Error): void {
    const now = performance.now();
    if (error.message === this.#told?.message && now - this.#told.at < againMs) return;
    this.#told = { message: error.message, at: now };
    (this.#options.onProblem ?? ((problem) => console.error(problem)))(error);
  }
}

/** Why it is no final answer. */
function whyNone(said: CloudAnswer<unknown> | undefined): { reason?: string; message?: string } {
  if (said === undefined) return {};
  return 'reason' in said ? said : (said.origin ?? {});
}

function toAnswer(stored: StoredRequest): DeferredAnswer {
  const { id, state, provisional, answer, reason, message, sequence } = stored;
  return {
    id,
    state,
    ...(state === 'pending' && { provisional: deserialize(provisional) as unknown }),
    ...(answer && { answer: deserialize(answer) as unknown }),
    ...(reason && { reason }),
    ...(message && { message }),
    ...(sequence !== null && { sequence }),
  };
}
