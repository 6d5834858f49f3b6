/** Requests that have ended, each exactly once, until their callers have been told. */
import { lastSequence, type EndedRequest } from './other-store.ts';
import { dropUnwanted, type Rows } from './rows.ts';
import { costOf, longestWaitMs } from './schema.ts';
import type { StoredRequest } from './store.ts';

export interface End {
  state: 'final' | 'expired';
  answer?: Uint8Array;
  reason?: string;
  message?: string;
}

const nextSequence = `(SELECT value + 1 FROM counters WHERE name = 'sequence')`;
const countSequence = `UPDATE counters SET value = value + 1 WHERE name = 'sequence'`;

export class Ends {
  readonly #rows: Rows;
  readonly #now: () => number;

  constructor(rows: Rows, now: () => number) {
    this.#rows = rows;
    this.#now = now;
  }

  /** Ends what still waits of a request, or of all that wait for an input. Returns their number. */
  end(which: { id: string } | { digest: string }, end: End): number {
    const { state, answer = null, reason = null, message = null } = end;
    const [[column, value] = ['id', '']] = Object.entries(which) as ['id' | 'digest', string][];
    const now = this.#now();
    const ending = this.#rows.all<{ id: string; digest: string; callback: string | null }>(
      `SELECT id, digest, callback FROM requests WHERE state = 'pending' AND ${column} = ?`,
      value,
    );
    for (const { id, digest, callback } of ending) {
      this.#rows.run(
        `UPDATE requests SET state = ?, endedAt = ?, answer = ?, provisional = x'', reason = ?, message = ?, callAt = ?, cost = ?,
           sequence = ${nextSequence} WHERE id = ?`,
        ...[state, now, answer, reason, message, callback === null ? null : now, costOf(answer?.length ?? 0), id],
      );
      this.#rows.run(countSequence);
      dropUnwanted(this.#rows, digest);
    }
    return ending.length;
  }

  /** One of another store, under a number of this one. */
  adopt(end: EndedRequest, { state, answer = null, reason = null, message = null }: Partial<StoredRequest>): void {
    this.#rows.run(
      `INSERT INTO requests (id, digest, state, uncertainty, cost, createdAt, expiresAt, endedAt, sequence, provisional, answer, reason,
         message, callback, callAt, calls, delivered)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ${nextSequence}, x'', ?, ?, ?, ?, ?, ?, ?)`,
      ...[end.id, end.digest, state ?? end.state, end.uncertainty, costOf(answer?.length ?? 0)],
      ...[end.createdAt, end.expiresAt, end.endedAt],
      ...[answer, reason, message, end.callback, end.callAt, end.calls, end.delivered],
    );
    this.#rows.run(countSequence);
  }

  /** Raises all numbers: who follows those of another store hears of all that ended here meanwhile as well, some twice. */
  renumber(by: number): void {
    this.#rows.run('UPDATE requests SET sequence = sequence + ? WHERE sequence IS NOT NULL', by);
    this.#rows.run(`UPDATE counters SET value = value + ? WHERE name = 'sequence'`, by);
  }

  /** Ends after that one, in order. */
  after(sequence: number, limit: number): StoredRequest[] {
    const sql = 'SELECT * FROM requests WHERE sequence > ? ORDER BY sequence LIMIT ?';
    return this.#rows.all<StoredRequest>(sql, sequence, limit);
  }

  last(): number {
    return this.#rows.one<{ value: number }>(lastSequence)?.value ?? 0;
  }

  /** One whose caller is to be told now; it is told again after `againMs` unless `delivered` is said. */
  toDeliver(againMs: number, avoided: readonly string[]): StoredRequest | undefined {
    const now = this.#now();
    const found = this.#rows.one<StoredRequest>(
      `SELECT * FROM requests WHERE (callAt <= ? OR callAt > ?) AND sequence IS NOT NULL
         AND NOT EXISTS (SELECT 1 FROM json_each(?) WHERE substr(callback, 1, length(value)) = value)
       ORDER BY callAt LIMIT 1`,
      ...[now, now + longestWaitMs, JSON.stringify(avoided)],
    );
    const calling = 'UPDATE requests SET callAt = ?, calls = calls + 1 WHERE id = ?';
    if (found) this.#rows.run(calling, now + againMs, found.id);
    return found;
  }

  deliverAgain(id: string, afterMs: number): void {
    const sql = 'UPDATE requests SET callAt = ? WHERE id = ? AND callAt IS NOT NULL';
    this.#rows.run(sql, this.#now() + afterMs, id);
  }

  delivered(id: string): void {
    this.#rows.run('UPDATE requests SET callAt = NULL, delivered = 1 WHERE id = ? AND sequence IS NOT NULL', id);
  }

  /** Somebody has asked for it. Where there is a callback, that is still to be told: whoever asked may not have got the answer, or be another. */
  fetched(id: string): void {
    this.#rows.run('UPDATE requests SET delivered = 1 WHERE id = ? AND sequence IS NOT NULL AND callAt IS NULL', id);
  }

  /** False: none has been delivered. */
  dropDelivered(): boolean {
    const told = this.#rows.one<{ id: string }>(
      'SELECT id FROM requests WHERE delivered = 1 ORDER BY sequence LIMIT 1',
    );
    if (told) this.#rows.run('DELETE FROM requests WHERE id = ?', told.id);
    return told !== undefined;
  }

  /** Those that came to their end at `before`, or earlier. */
  dropOld(before: number): void {
    this.#rows.run('DELETE FROM requests WHERE sequence IS NOT NULL AND endedAt <= ?', before);
  }
}
