/** Inputs with their answers, until whoever learns from them has them. */
import { dropUnwanted, type Rows } from './rows.ts';
import { costOf, longestWaitMs } from './schema.ts';
import type { OtherExample } from './other-store.ts';

/** An input with its answer, to learn from. */
export interface StoredExample {
  digest: string;
  input: Uint8Array;
  answer: Uint8Array;
  /** Somebody was told of it before, and has not said that it has it. */
  again: boolean;
}

export class Examples {
  readonly #rows: Rows;
  readonly #now: () => number;

  constructor(rows: Rows, now: () => number) {
    this.#rows = rows;
    this.#now = now;
  }

  /** Of an input that is still there. */
  add(digest: string, answer: Uint8Array): void {
    const cost = costOf(answer.length);
    this.#rows.run(
      `INSERT OR IGNORE INTO examples (digest, answer, cost, createdAt, leasedUntil) SELECT digest, ?, cost + ?, ?, 0 FROM inputs WHERE digest = ?`,
      ...[answer, cost, this.#now(), digest],
    );
  }

  /** One that comes with its input. */
  adopt({ digest, content, answer, createdAt, told }: OtherExample, cost: number): void {
    this.#rows.run('INSERT OR IGNORE INTO contents VALUES (?, ?)', digest, content);
    this.#rows.run('INSERT OR IGNORE INTO examples VALUES (?, ?, ?, ?, 0, ?)', digest, answer, cost, createdAt, told);
  }

  /** Those that nobody has, oldest first; they are the caller's until the lease ends. */
  lease(limit: number, leaseMs: number): StoredExample[] {
    const now = this.#now();
    const found = this.#rows.all<Omit<StoredExample, 'again'> & { told: number }>(
      `SELECT digest, content AS input, answer, told FROM examples JOIN contents USING (digest)
       WHERE leasedUntil <= ? OR leasedUntil > ? ORDER BY createdAt LIMIT ?`,
      ...[now, now + longestWaitMs, limit],
    );
    for (const { digest } of found)
      this.#rows.run('UPDATE examples SET leasedUntil = ?, told = 1 WHERE digest = ?', now + leaseMs, digest);
    return found.map(({ told, ...example }) => ({ ...example, again: told > 0 }));
  }

  drop(digest: string): void {
    this.#rows.run('DELETE FROM examples WHERE digest = ?', digest);
    dropUnwanted(this.#rows, digest);
  }

  later(digest: string, afterMs: number): void {
    this.#rows.run('UPDATE examples SET leasedUntil = ? WHERE digest = ?', this.#now() + afterMs, digest);
  }

  /** False: there is none. */
  dropOldest(): boolean {
    const oldest = this.#rows.one<{ digest: string }>('SELECT digest FROM examples ORDER BY createdAt LIMIT 1');
    if (oldest) this.drop(oldest.digest);
    return oldest !== undefined;
  }

  /** Those that are as old as `before`, or older. */
  dropOld(before: number): void {
    const old = this.#rows.all<{ digest: string }>('SELECT digest FROM examples WHERE createdAt <= ?', before);
    for (const { digest } of old) this.drop(digest);
  }
}
