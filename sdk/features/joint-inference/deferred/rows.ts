import type { DatabaseSync, SQLInputValue } from 'node:sqlite';

/** The tables of a store, asked in SQL. */
export class Rows {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  one<T>(sql: string, ...values: SQLInputValue[]): T | undefined {
    return this.#database.prepare(sql).get(...values) as T | undefined;
  }

  all<T>(sql: string, ...values: SQLInputValue[]): T[] {
    return this.#database.prepare(sql).all(...values) as T[];
  }

  /** Returns how many rows it changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#database.prepare(sql).run(...values).changes);
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

  close(): void {
    this.#database.close();
  }
}

/** An input stays as long as a request waits for its answer, its content as long as somebody is to learn from it as well. */
export function dropUnwanted(rows: Rows, digest: string): void {
  if (rows.one(`SELECT 1 FROM requests WHERE digest = ? AND state = 'pending'`, digest)) return;
  rows.run('DELETE FROM inputs WHERE digest = ?', digest);
  if (rows.one('SELECT 1 FROM examples WHERE digest = ?', digest)) return;
  rows.run('DELETE FROM contents WHERE digest = ?', digest);
}
