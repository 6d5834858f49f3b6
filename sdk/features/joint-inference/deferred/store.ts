import { createHash } from 'node:crypto';
import { LEAST_QUOTA, quantityBytes } from '../../../../crds/lib/quota.ts';
import { Ends } from './ends.ts';
import { Examples, type StoredExample } from './examples.ts';
import { OtherStore, type EndedRequest, type OtherExample, type WaitingRequest } from './other-store.ts';
import { Room } from './room.ts';
import { Rows } from './rows.ts';
import { budgetOf, costOf, longestWaitMs, openDatabase } from './schema.ts';

/** `expired`: there will be no final answer, for the reason that is said. */
export type DeferredState = 'pending' | 'final' | 'expired';
export type ExpiryReason = 'TooOld' | 'NoRoom' | 'CloudRefused';

export interface StoredRequest {
  id: string;
  digest: string;
  state: DeferredState;
  /** Ms since 1970, as all times here. */
  createdAt: number;
  expiresAt: number;
  endedAt: number | null;
  /** Numbers the ends, in their order; never reused. */
  sequence: number | null;
  /** Empty once it has ended: its caller got it with the request's id. */
  provisional: Uint8Array;
  answer: Uint8Array | null;
  reason: ExpiryReason | null;
  message: string | null;
  callback: string | null;
  calls: number;
}

export interface NewRequest {
  id: string;
  input: Uint8Array;
  provisional: Uint8Array;
  /** 0..1; what is least sure is kept longest. */
  uncertainty: number;
  callback?: string;
}

export interface StoreOptions {
  folder: string;
  quotaBytes: number;
  /** Time until a request expires, and how long its end is kept for its caller after that. */
  maxAgeMs: number;
  /** Kept beside the requests, see `settingsOf`. */
  settings?: string;
  now?: () => number;
}

const withoutRoom = {
  state: 'expired',
  answer: null,
  reason: 'NoRoom',
  message: 'there was no room for it on the node that the service moved to',
} as const;

/**
 * Requests that wait for their final answer, on disk. A request ends exactly once (`final` or `expired`); one input is kept once for
 * all requests that ask about it. Where there is no room, `Room` says who goes. Not for the event loop: each change waits for the disk.
 */
export class DeferredStore {
  readonly #rows: Rows;
  readonly #ends: Ends;
  readonly #examples: Examples;
  readonly #room: Room;
  readonly #maxAgeMs: number;
  readonly #now: () => number;

  constructor({ folder, quotaBytes, maxAgeMs, settings, now = Date.now }: StoreOptions) {
    if (quotaBytes < quantityBytes(LEAST_QUOTA)) {
      throw new Error(`spec.deferred.quota: must be at least ${LEAST_QUOTA}`);
    }
    this.#rows = new Rows(openDatabase(folder, quotaBytes));
    this.#ends = new Ends(this.#rows, now);
    this.#examples = new Examples(this.#rows, now);
    this.#room = new Room(this.#rows, { ends: this.#ends, examples: this.#examples, budget: budgetOf(quotaBytes) });
    this.#maxAgeMs = maxAgeMs;
    this.#now = now;
    if (settings !== undefined) this.#rows.run('INSERT OR REPLACE INTO settings VALUES (1, ?)', settings);
  }

  /** Several changes that become durable together. */
  transaction<T>(change: () => T): T {
    return this.#rows.transaction(change);
  }

  close(): void {
    this.#rows.close();
  }

  // --- requests that wait -------------------------------------------------------------------------------------------

  /** Unless `Kept`, it is not kept. The same request put again changes nothing; `IdTaken`: another one has this id. */
  put({ input, ...request }: NewRequest): 'Kept' | 'NoRoom' | 'IdTaken' {
    const digest = createHash('sha256').update(input).digest('hex');
    const same = this.#rows.one<{ digest: string }>('SELECT digest FROM requests WHERE id = ?', request.id);
    if (same) return same.digest === digest ? 'Kept' : 'IdTaken';
    const now = this.#now();
    return this.#keep({ ...request, digest, createdAt: now, expiresAt: now + this.#maxAgeMs }, input);
  }

  #keep(request: WaitingRequest, input: Uint8Array): 'Kept' | 'NoRoom' {
    const { digest, uncertainty, provisional } = request;
    const known = this.#rows.one('SELECT 1 FROM inputs WHERE digest = ?', digest) !== undefined;
    const cost = costOf(provisional.length);
    const inputCost = costOf(input.length);
    if (!this.#room.make(cost + (known ? 0 : inputCost), { uncertainty, digest })) return 'NoRoom';
    if (!known) {
      this.#rows.run('INSERT INTO inputs VALUES (?, ?, 0)', digest, inputCost);
      this.#rows.run('INSERT OR IGNORE INTO contents VALUES (?, ?)', digest, input);
    }
    this.#insert(request, cost);
    return 'Kept';
  }

  #insert(
    { id, digest, uncertainty, createdAt, expiresAt, provisional, callback }: WaitingRequest,
    cost: number,
  ): void {
    this.#rows.run(
      `INSERT INTO requests (id, digest, state, uncertainty, cost, createdAt, expiresAt, provisional, callback)
       VALUES (?, ?, 'pending', ?, ?, ?, ?, ?, ?)`,
      ...[id, digest, uncertainty, cost, createdAt, expiresAt, provisional, callback ?? null],
    );
  }

  /** The input that matters most and that nobody has; it is the caller's until the lease ends. Those come last that somebody has had. */
  claim(leaseMs: number): { digest: string; input: Uint8Array } | undefined {
    const now = this.#now();
    const found = this.#rows.one<{ digest: string; content: Uint8Array }>(
      `SELECT inputs.digest, content FROM requests JOIN inputs USING (digest) JOIN contents USING (digest)
       WHERE state = 'pending' AND (leasedUntil <= ? OR leasedUntil > ?)
       ORDER BY leasedUntil, uncertainty DESC, createdAt LIMIT 1`,
      ...[now, now + longestWaitMs],
    );
    if (!found) return undefined;
    this.#rows.run('UPDATE inputs SET leasedUntil = ? WHERE digest = ?', now + leaseMs, found.digest);
    return { digest: found.digest, input: found.content };
  }

  /** Somebody may try again: at its turn, or after a pause and behind those that nobody has failed at. */
  release(digest: string, afterMs?: number): void {
    const until = afterMs === undefined ? 0 : this.#now() + afterMs;
    this.#rows.run('UPDATE inputs SET leasedUntil = ? WHERE digest = ?', until, digest);
  }

  get(id: string): StoredRequest | undefined {
    return this.#rows.one<StoredRequest>('SELECT * FROM requests WHERE id = ?', id);
  }

  counts(): Record<DeferredState, number> {
    const rows = this.#rows.all<{ state: DeferredState; n: number }>(
      'SELECT state, count(*) n FROM requests GROUP BY state',
    );
    return { pending: 0, final: 0, expired: 0, ...Object.fromEntries(rows.map(({ state, n }) => [state, n])) };
  }

  // --- how they end -------------------------------------------------------------------------------------------------

  /**
   * Ends all requests that wait for this input with their answer, or, where there is no room for it, as expired. Returns their number: 0
   * when they have ended before. `learn`: the input is an example from then on, which neither a kill nor the end of its requests takes away.
   */
  finalise(digest: string, answer: Uint8Array, { learn = false } = {}): number {
    const { waiting = 0, freed = 0 } =
      this.#rows.one<{ waiting: number; freed: number }>(
        `SELECT count(*) AS waiting, sum(cost) AS freed FROM requests WHERE digest = ? AND state = 'pending'`,
        digest,
      ) ?? {};
    if (waiting === 0) return 0;
    const cost = costOf(answer.length);
    // Each answer is written before its provisional one goes.
    const growth = Math.max(cost, waiting * cost - freed);
    if (!this.#room.hasFor(growth)) {
      return this.expire(digest, 'NoRoom', 'there is no room for the answer of the big model');
    }
    if (learn && this.#room.hasFor(growth + cost)) this.#examples.add(digest, answer);
    return this.#ends.end({ digest }, { state: 'final', answer });
  }

  /** The same without an answer. */
  expire(digest: string, reason: ExpiryReason, message: string): number {
    return this.#ends.end({ digest }, { state: 'expired', reason, message });
  }

  /** Ends what has waited too long, and forgets ends that were kept as long as the request could have waited. */
  sweep(): number {
    const now = this.#now();
    this.#ends.dropOld(now - this.#maxAgeMs);
    const old = this.#rows.all<{ id: string }>(
      `SELECT id FROM requests WHERE state = 'pending' AND expiresAt <= ?`,
      now,
    );
    const message = 'the big model could not be asked in time';
    for (const { id } of old) this.#ends.end({ id }, { state: 'expired', reason: 'TooOld', message });
    this.#examples.dropOld(now - this.#maxAgeMs);
    return old.length;
  }

  /** Ends after that one, in order. */
  endsAfter(sequence: number, limit: number): StoredRequest[] {
    return this.#ends.after(sequence, limit);
  }

  lastSequence(): number {
    return this.#ends.last();
  }

  /**
   * An end whose caller is to be told now; it is told again after `againMs` unless `delivered` is said. `avoided`: what a callback must not
   * begin with.
   */
  toDeliver(againMs: number, avoided: readonly string[] = []): StoredRequest | undefined {
    return this.#ends.toDeliver(againMs, avoided);
  }

  deliverAgain(id: string, afterMs: number): void {
    this.#ends.deliverAgain(id, afterMs);
  }

  /** Its caller has it: it may go where room is needed. */
  delivered(id: string): void {
    this.#ends.delivered(id);
  }

  /** Somebody has asked for it: it may go where room is needed, unless a callback is still to be told. */
  fetched(id: string): void {
    this.#ends.fetched(id);
  }

  // --- what is learnt from ------------------------------------------------------------------------------------------

  /** Examples that nobody has, oldest first; they are the caller's until the lease ends. */
  examples(limit: number, leaseMs: number): StoredExample[] {
    return this.#examples.lease(limit, leaseMs);
  }

  /** Whoever learns from it has it. */
  learnt(digest: string): void {
    this.#examples.drop(digest);
  }

  learnLater(digest: string, afterMs: number): void {
    this.#examples.later(digest, afterMs);
  }

  // --- what another node had ----------------------------------------------------------------------------------------

  /**
   * Takes in, once, what the store of another node had of the same service: what waits, ends that may still be asked for, and examples.
   * `name` says which store it was. What is known here stays as it is; what finds no room expires. Returns why nothing of it can be read.
   */
  adopt(file: string, name: string): string | undefined {
    if (this.#rows.one('SELECT 1 FROM counters WHERE name = ?', `adopted ${name}`)) return undefined;
    const other = new OtherStore(file);
    try {
      const damage = other.damage();
      if (damage !== undefined) return damage;
      this.#rows.run('INSERT INTO counters VALUES (?, 0)', `adopted ${name}`);
      this.#ends.renumber(other.lastSequence);
      for (const request of other.waiting()) this.#adoptWaiting(request);
      for (const end of other.ended()) this.#adoptEnd(end);
      for (const example of other.examples()) this.#adoptExample(example);
      return undefined;
    } finally {
      other.close();
    }
  }

  #adoptWaiting({ content, ...request }: WaitingRequest & { content: Uint8Array }): void {
    if (this.get(request.id) || this.#keep(request, content) === 'Kept') return;
    this.#insert(request, costOf(0));
    const { state, reason, message } = withoutRoom;
    this.#ends.end({ id: request.id }, { state, reason, message });
  }

  #adoptEnd(end: EndedRequest): void {
    if (this.get(end.id)) return;
    const fits = this.#room.hasFor(costOf(end.answer?.length ?? 0));
    if (!fits && end.delivered === 1) return;
    this.#ends.adopt(end, fits ? end : withoutRoom);
  }

  #adoptExample(example: OtherExample): void {
    const cost = costOf(example.answer.length) + costOf(example.content.length);
    if (this.#room.hasFor(cost)) this.#examples.adopt(example, cost);
  }
}
