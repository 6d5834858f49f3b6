import { createHash } from 'node:crypto';
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { lastSequence, OtherStore, type EndedRequest, type OtherExample, type WaitingRequest } from './other-store.ts';
import { budgetOf, costOf, leastQuotaBytes, openDatabase } from './schema.ts';

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

/** An input with its answer, to learn from. */
export interface StoredExample {
  digest: string;
  input: Uint8Array;
  answer: Uint8Array;
  /** Somebody was told of it before, and has not said that it has it. */
  again: boolean;
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

const answersSlackBytes = 256 * 1024;
const withoutRoom = {
  state: 'expired',
  reason: 'NoRoom',
  message: 'there was no room for it on the node that the service moved to',
} as const;

/**
 * Requests that wait for their final answer, on disk. A request ends exactly once (`final` or `expired`); one input is kept once for
 * all requests that ask about it. Where there is no room, ends that were delivered go first, then examples, then what the little model was surest of.
 * Not for the event loop: each change waits for the disk.
 */
export class DeferredStore {
  readonly #database: DatabaseSync;
  readonly #budget: number;
  readonly #maxAgeMs: number;
  readonly #now: () => number;

  constructor({ folder, quotaBytes, maxAgeMs, settings, now = Date.now }: StoreOptions) {
    if (quotaBytes < leastQuotaBytes) {
      throw new Error(`spec.deferred.quota: must be at least ${leastQuotaBytes / 1024 / 1024}Mi`);
    }
    this.#database = openDatabase(folder, quotaBytes);
    this.#budget = budgetOf(quotaBytes);
    this.#maxAgeMs = maxAgeMs;
    this.#now = now;
    if (settings !== undefined) this.#run('INSERT OR REPLACE INTO settings VALUES (1, ?)', settings);
  }

  /** Several changes that become durable together. */
  transaction<T>(change: () => T): T {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const result = change();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      // After a full disk or a full file the transaction has been rolled back already.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  /** Unless `Kept`, it is not kept. The same request put again changes nothing; `IdTaken`: another one has this id. */
  put({ input, ...request }: NewRequest): 'Kept' | 'NoRoom' | 'IdTaken' {
    const digest = createHash('sha256').update(input).digest('hex');
    const same = this.#one<{ digest: string }>('SELECT digest FROM requests WHERE id = ?', request.id);
    if (same) return same.digest === digest ? 'Kept' : 'IdTaken';
    const now = this.#now();
    return this.#keep({ ...request, digest, createdAt: now, expiresAt: now + this.#maxAgeMs }, input);
  }

  #keep(request: WaitingRequest, input: Uint8Array): 'Kept' | 'NoRoom' {
    const { digest, uncertainty, provisional } = request;
    const known = this.#one('SELECT 1 FROM inputs WHERE digest = ?', digest) !== undefined;
    const cost = costOf(provisional.length);
    const inputCost = costOf(input.length);
    if (!this.#makeRoom(cost + (known ? 0 : inputCost), { uncertainty, digest })) return 'NoRoom';
    if (!known) {
      this.#run('INSERT INTO inputs VALUES (?, ?, 0)', digest, inputCost);
      this.#run('INSERT OR IGNORE INTO contents VALUES (?, ?)', digest, input);
    }
    this.#insert(request, cost);
    return 'Kept';
  }

  #insert(
    { id, digest, uncertainty, createdAt, expiresAt, provisional, callback }: WaitingRequest,
    cost: number,
  ): void {
    this.#run(
      `INSERT INTO requests (id, digest, state, uncertainty, cost, createdAt, expiresAt, provisional, callback)
       VALUES (?, ?, 'pending', ?, ?, ?, ?, ?, ?)`,
      ...[id, digest, uncertainty, cost, createdAt, expiresAt, provisional, callback ?? null],
    );
  }

  /**
   * Takes in, once, what the store of another node had of the same service: what waits, ends that may still be asked for, and examples.
   * `name` says which store it was. What is known here stays as it is; what finds no room expires. Returns why nothing of it can be read.
   */
  adopt(file: string, name: string): string | undefined {
    if (this.#one('SELECT 1 FROM counters WHERE name = ?', `adopted ${name}`)) return undefined;
    const other = new OtherStore(file);
    try {
      const damage = other.damage();
      if (damage !== undefined) return damage;
      this.#run('INSERT INTO counters VALUES (?, 0)', `adopted ${name}`);
      // Who follows the ends of the other one by their numbers hears of all that came here meanwhile as well, some twice.
      this.#run('UPDATE requests SET sequence = sequence + ? WHERE sequence IS NOT NULL', other.lastSequence);
      this.#run(`UPDATE counters SET value = value + ? WHERE name = 'sequence'`, other.lastSequence);
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
    this.#end(state, { id: request.id, reason, message });
  }

  #adoptEnd(end: EndedRequest): void {
    if (this.get(end.id)) return;
    const fits = this.#hasRoomFor(costOf(end.answer?.length ?? 0));
    if (!fits && end.delivered === 1) return;
    const { state, answer, reason, message } = fits ? end : { ...withoutRoom, answer: null };
    const cost = costOf(answer?.length ?? 0);
    this.#run(
      `INSERT INTO requests (id, digest, state, uncertainty, cost, createdAt, expiresAt, endedAt, sequence, provisional, answer, reason,
         message, callback, callAt, calls, delivered)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, (SELECT value + 1 FROM counters WHERE name = 'sequence'), x'', ?, ?, ?, ?, ?, ?, ?)`,
      ...[end.id, end.digest, state, end.uncertainty, cost, end.createdAt, end.expiresAt, end.endedAt],
      ...[answer, reason, message, end.callback, end.callAt, end.calls, end.delivered],
    );
    this.#run(`UPDATE counters SET value = value + 1 WHERE name = 'sequence'`);
  }

  #adoptExample({ digest, content, answer, createdAt, told }: OtherExample): void {
    const cost = costOf(answer.length) + costOf(content.length);
    if (!this.#hasRoomFor(cost)) return;
    this.#run('INSERT OR IGNORE INTO contents VALUES (?, ?)', digest, content);
    this.#run('INSERT OR IGNORE INTO examples VALUES (?, ?, ?, ?, 0, ?)', digest, answer, cost, createdAt, told);
  }

  /** The input that matters most and that nobody has; it is the caller's until the lease ends. */
  claim(leaseMs: number): { digest: string; input: Uint8Array } | undefined {
    const now = this.#now();
    const found = this.#one<{ digest: string; content: Uint8Array }>(
      `SELECT inputs.digest, content FROM requests JOIN inputs USING (digest) JOIN contents USING (digest)
       WHERE state = 'pending' AND leasedUntil <= ? ORDER BY uncertainty DESC, createdAt LIMIT 1`,
      now,
    );
    if (!found) return undefined;
    this.#run('UPDATE inputs SET leasedUntil = ? WHERE digest = ?', now + leaseMs, found.digest);
    return { digest: found.digest, input: found.content };
  }

  /** Somebody else may try. */
  release(digest: string): void {
    this.#run('UPDATE inputs SET leasedUntil = 0 WHERE digest = ?', digest);
  }

  /**
   * Ends all requests that wait for this input with their answer, or, where there is no room for it, as expired. Returns their number: 0
   * when they have ended before. `learn`: the input is an example from then on, which neither a kill nor the end of its requests takes away.
   */
  finalise(digest: string, answer: Uint8Array, { learn = false } = {}): number {
    const { waiting = 0, freed = 0 } =
      this.#one<{ waiting: number; freed: number }>(
        `SELECT count(*) AS waiting, sum(cost) AS freed FROM requests WHERE digest = ? AND state = 'pending'`,
        digest,
      ) ?? {};
    if (waiting === 0) return 0;
    const cost = costOf(answer.length);
    // Each answer is written before its provisional one goes.
    const growth = Math.max(cost, waiting * cost - freed);
    if (!this.#hasRoomFor(growth)) {
      return this.expire(digest, 'NoRoom', 'there is no room for the answer of the big model');
    }
    if (learn && this.#hasRoomFor(growth + cost)) {
      this.#run(
        `INSERT OR IGNORE INTO examples (digest, answer, cost, createdAt, leasedUntil) SELECT digest, ?, cost + ?, ?, 0 FROM inputs WHERE digest = ?`,
        ...[answer, cost, this.#now(), digest],
      );
    }
    return this.#end('final', { digest, answer });
  }

  /** An answer comes on top of what there was room for; the file has some to spare. */
  #hasRoomFor(cost: number): boolean {
    const most = this.#budget + answersSlackBytes;
    // What never fits must not cost others their place.
    if (cost > most) return false;
    while (this.#used() + cost > most) if (!this.#dropNeedless()) return false;
    return true;
  }

  /** Examples that nobody has, oldest first; they are the caller's until the lease ends. */
  examples(limit: number, leaseMs: number): StoredExample[] {
    const now = this.#now();
    const found = this.#all<Omit<StoredExample, 'again'> & { told: number }>(
      `SELECT digest, content AS input, answer, told FROM examples JOIN contents USING (digest)
       WHERE leasedUntil <= ? ORDER BY createdAt LIMIT ?`,
      ...[now, limit],
    );
    for (const { digest } of found)
      this.#run('UPDATE examples SET leasedUntil = ?, told = 1 WHERE digest = ?', now + leaseMs, digest);
    return found.map(({ told, ...example }) => ({ ...example, again: told > 0 }));
  }

  /** Whoever learns from it has it. */
  learnt(digest: string): void {
    this.#run('DELETE FROM examples WHERE digest = ?', digest);
    this.#dropUnwanted(digest);
  }

  learnLater(digest: string, afterMs: number): void {
    this.#run('UPDATE examples SET leasedUntil = ? WHERE digest = ?', this.#now() + afterMs, digest);
  }

  /** The same without an answer. */
  expire(digest: string, reason: ExpiryReason, message: string): number {
    return this.#end('expired', { digest, reason, message });
  }

  /** Ends what has waited too long, and forgets ends that were kept as long as the request could have waited. */
  sweep(): number {
    const now = this.#now();
    this.#run('DELETE FROM requests WHERE sequence IS NOT NULL AND endedAt <= ?', now - this.#maxAgeMs);
    const old = this.#all<{ id: string }>(`SELECT id FROM requests WHERE state = 'pending' AND expiresAt <= ?`, now);
    for (const { id } of old) {
      this.#end('expired', { id, reason: 'TooOld', message: 'the big model could not be asked in time' });
    }
    for (const { digest } of this.#all<{ digest: string }>(
      'SELECT digest FROM examples WHERE createdAt <= ?',
      now - this.#maxAgeMs,
    ))
      this.learnt(digest);
    return old.length;
  }

  get(id: string): StoredRequest | undefined {
    return this.#one<StoredRequest>('SELECT * FROM requests WHERE id = ?', id);
  }

  /** Ends after that one, in order. */
  endsAfter(sequence: number, limit: number): StoredRequest[] {
    return this.#all<StoredRequest>(
      'SELECT * FROM requests WHERE sequence > ? ORDER BY sequence LIMIT ?',
      sequence,
      limit,
    );
  }

  /**
   * An end whose caller is to be told now; it is told again after `againMs` unless `delivered` is said. `avoided`: what a callback must not
   * begin with.
   */
  toDeliver(againMs: number, avoided: readonly string[] = []): StoredRequest | undefined {
    const now = this.#now();
    const found = this.#one<StoredRequest>(
      `SELECT * FROM requests WHERE callAt <= ? AND sequence IS NOT NULL
         AND NOT EXISTS (SELECT 1 FROM json_each(?) WHERE substr(callback, 1, length(value)) = value)
       ORDER BY callAt LIMIT 1`,
      ...[now, JSON.stringify(avoided)],
    );
    if (found) this.#run('UPDATE requests SET callAt = ?, calls = calls + 1 WHERE id = ?', now + againMs, found.id);
    return found;
  }

  deliverAgain(id: string, afterMs: number): void {
    this.#run('UPDATE requests SET callAt = ? WHERE id = ? AND callAt IS NOT NULL', this.#now() + afterMs, id);
  }

  lastSequence(): number {
    return this.#one<{ value: number }>(lastSequence)?.value ?? 0;
  }

  /** Its caller has it: it may go where room is needed. */
  delivered(id: string): void {
    this.#run('UPDATE requests SET callAt = NULL, delivered = 1 WHERE id = ? AND sequence IS NOT NULL', id);
  }

  counts(): Record<DeferredState, number> {
    const rows = this.#all<{ state: DeferredState; n: number }>(
      'SELECT state, count(*) n FROM requests GROUP BY state',
    );
    return { pending: 0, final: 0, expired: 0, ...Object.fromEntries(rows.map(({ state, n }) => [state, n])) };
  }

  close(): void {
    this.#database.close();
  }

  #end(
    state: 'final' | 'expired',
    how: { digest?: string; id?: string; answer?: Uint8Array; reason?: string; message?: string },
  ): number {
    const { digest, id, answer = null, reason = null, message = null } = how;
    const now = this.#now();
    const ending = this.#all<{ id: string; digest: string; callback: string | null }>(
      `SELECT id, digest, callback FROM requests WHERE state = 'pending' AND ${id === undefined ? 'digest' : 'id'} = ?`,
      id ?? digest ?? '',
    );
    for (const one of ending) {
      this.#run(
        `UPDATE requests SET state = ?, endedAt = ?, answer = ?, provisional = x'', reason = ?, message = ?, callAt = ?, cost = ?,
           sequence = (SELECT value + 1 FROM counters WHERE name = 'sequence') WHERE id = ?`,
        ...[
          state,
          now,
          answer,
          reason,
          message,
          one.callback === null ? null : now,
          costOf(answer?.length ?? 0),
          one.id,
        ],
      );
      this.#run(`UPDATE counters SET value = value + 1 WHERE name = 'sequence'`);
      this.#dropUnwanted(one.digest);
    }
    return ending.length;
  }

  #dropUnwanted(digest: string): void {
    if (this.#one(`SELECT 1 FROM requests WHERE digest = ? AND state = 'pending'`, digest)) return;
    this.#run('DELETE FROM inputs WHERE digest = ?', digest);
    if (this.#one('SELECT 1 FROM examples WHERE digest = ?', digest)) return;
    this.#run('DELETE FROM contents WHERE digest = ?', digest);
  }

  /** What no request waits for: an end that was delivered, else the oldest example. False: there is nothing of the kind. */
  #dropNeedless(): boolean {
    const told = this.#one<{ id: string }>('SELECT id FROM requests WHERE delivered = 1 ORDER BY sequence LIMIT 1');
    if (told) {
      this.#run('DELETE FROM requests WHERE id = ?', told.id);
      return true;
    }
    const oldest = this.#one<{ digest: string }>('SELECT digest FROM examples ORDER BY createdAt LIMIT 1');
    if (oldest) this.learnt(oldest.digest);
    return oldest !== undefined;
  }

  /** `newcomer`: does not push out what matters as much as itself, nor what it shares its input with. */
  #makeRoom(cost: number, newcomer: { uncertainty: number; digest: string }): boolean {
    while (this.#used() + cost > this.#budget) {
      if (this.#dropNeedless()) continue;
      const surest = this.#one<{ id: string }>(
        `SELECT id FROM requests WHERE state = 'pending' AND uncertainty < ? AND digest <> ? ORDER BY uncertainty LIMIT 1`,
        ...[newcomer.uncertainty, newcomer.digest],
      );
      if (!surest) return false;
      this.#end('expired', {
        id: surest.id,
        reason: 'NoRoom',
        message: 'samples that the little model is less sure of took its room',
      });
    }
    return true;
  }

  #used(): number {
    return (
      this.#one<{ used: number }>(
        `SELECT (SELECT coalesce(sum(cost), 0) FROM inputs) + (SELECT coalesce(sum(cost), 0) FROM requests)
           + (SELECT coalesce(sum(cost), 0) FROM examples) AS used`,
      )?.used ?? 0
    );
  }

  #one<T>(sql: string, ...values: SQLInputValue[]): T | undefined {
    return this.#database.prepare(sql).get(...values) as T | undefined;
  }

  #all<T>(sql: string, ...values: SQLInputValue[]): T[] {
    return this.#database.prepare(sql).all(...values) as T[];
  }

  /** Returns how many rows it changed. */
  #run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#database.prepare(sql).run(...values).changes);
  }
}
