/** What the store of another node holds, row by row, what matters most first. */
import { DatabaseSync } from 'node:sqlite';
import { isDamage } from './schema.ts';
import type { NewRequest, StoredRequest } from './store.ts';

export type WaitingRequest = Omit<NewRequest, 'input' | 'callback'> &
  Pick<StoredRequest, 'digest' | 'createdAt' | 'expiresAt'> & { callback?: string | null };
export type EndedRequest = StoredRequest & { uncertainty: number; callAt: number | null; delivered: number };
export interface OtherExample {
  digest: string;
  content: Uint8Array;
  answer: Uint8Array;
  createdAt: number;
  told: number;
}

export const lastSequence = `SELECT value FROM counters WHERE name = 'sequence'`;

const queries = {
  waiting: `SELECT id, digest, uncertainty, createdAt, expiresAt, provisional, callback, content
    FROM requests JOIN contents USING (digest) WHERE state = 'pending' ORDER BY uncertainty DESC`,
  ended: `SELECT id, digest, state, uncertainty, createdAt, expiresAt, endedAt, sequence, provisional, answer, reason, message, callback,
      callAt, calls, delivered
    FROM requests WHERE sequence IS NOT NULL ORDER BY sequence`,
  examples:
    'SELECT digest, content, answer, createdAt, told FROM examples JOIN contents USING (digest) ORDER BY createdAt',
};

/** SQLITE_ERROR: of what is asked here, that there is no such table or column. */
const otherTables = 1;

export class OtherStore {
  readonly #database: DatabaseSync;

  /** Writable: a journal that was left beside it is played back first. */
  constructor(file: string) {
    this.#database = new DatabaseSync(file);
  }

  /** Why it cannot be read; undefined: it can. Errors that may pass are thrown. */
  damage(): string | undefined {
    try {
      const { quick_check: found } = this.#database.prepare('PRAGMA quick_check(1)').get() as { quick_check: string };
      for (const sql of [lastSequence, ...Object.values(queries)]) this.#database.prepare(sql);
      return found === 'ok' ? undefined : found;
    } catch (error) {
      const { errcode, message } = error as Error & { errcode?: number };
      if (errcode === otherTables || isDamage(error)) return message;
      throw error;
    }
  }

  get lastSequence(): number {
    return (this.#database.prepare(lastSequence).get() as { value: number } | undefined)?.value ?? 0;
  }

  waiting(): Iterable<WaitingRequest & { content: Uint8Array }> {
    return this.#rows(queries.waiting);
  }

  ended(): Iterable<EndedRequest> {
    return this.#rows(queries.ended);
  }

  examples(): Iterable<OtherExample> {
    return this.#rows(queries.examples);
  }

  close(): void {
    this.#database.close();
  }

  #rows<T>(sql: string): Iterable<T> {
    return this.#database.prepare(sql).iterate() as Iterable<unknown> as Iterable<T>;
  }
}
