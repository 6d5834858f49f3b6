/** What a local controller remembers of its workers, in SQLite on the node. A lost or broken file is begun anew. */
import { mkdirSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { WorkerExit, WorkerLaunch, WorkerView } from '../../../activities/edge/runtime.ts';

export interface WorkerRecord {
  launch: WorkerLaunch;
  /** Start time tells the process from a later one of the same pid. */
  process?: { pid: number; startedAt: string };
  startedAt?: string;
  restarts: number;
  ports: Record<string, number>;
  exit?: WorkerExit;
  reports: WorkerView['reports'];
  /** Its process has been ready. */
  served?: boolean;
  /** It gets no new requests any more. */
  draining?: boolean;
}

// A power cut may take the last records along, as it does the workers that they are of; the death of this process takes none.
const schema = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  CREATE TABLE IF NOT EXISTS workers (name TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;
`;

export class WorkerStore {
  readonly #database: DatabaseSync;
  /** Forgotten, but not yet in the file, whose disk was full. */
  readonly #gone = new Set<string>();

  constructor(file: string) {
    mkdirSync(dirname(file), { recursive: true });
    this.#database = open(file);
  }

  all(): WorkerRecord[] {
    const rows = this.#database.prepare('SELECT record FROM workers').all();
    return rows.map((row) => JSON.parse(String(row['record'])) as WorkerRecord);
  }

  /** Throws when the disk is full. */
  save(record: WorkerRecord): void {
    this.#gone.delete(record.launch.name);
    this.#database
      .prepare(
        'INSERT INTO workers (name, record) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET record = excluded.record',
      )
      .run(record.launch.name, JSON.stringify(record));
    this.#removeGone();
  }

  /** Never fails: with a full disk it is done at the next save that succeeds. */
  remove(name: string): void {
    this.#gone.add(name);
    this.#removeGone();
  }

  #removeGone(): void {
    try {
      for (const name of this.#gone) {
        this.#database.prepare('DELETE FROM workers WHERE name = ?').run(name);
        this.#gone.delete(name);
      }
    } catch {
      // Whoever owned it is gone: should this process end before, the next one removes it when it asks for the owner.
    }
  }

  close(): void {
    this.#database.close();
  }
}

function open(file: string): DatabaseSync {
  try {
    return initialise(file);
  } catch (error) {
    if (isOfTheDisk(error)) {
      const { message } = error as Error;
      throw new Error(`${file} cannot be opened now (is its disk full?); it is kept as it is: ${message}`, {
        cause: error,
      });
    }
    // Not a database, or a torn one: workers are found again by their environment, so nothing that matters is lost.
    renameSync(file, `${file}.broken-${Date.now()}`);
    process.emitWarning(`${file} could not be read and was set aside: ${(error as Error).message}`);
    return initialise(file);
  }
}

/** SQLite's primary codes for a file that may be sound but cannot be used: busy, locked, read-only, I/O error, full, cannot open. */
const unusable = new Set([5, 6, 8, 10, 13, 14]);
const shortRead = 522;

function isOfTheDisk(error: unknown): boolean {
  const { errcode } = error as { errcode?: number };
  return errcode !== undefined && errcode !== shortRead && unusable.has(errcode & 0xff);
}

function initialise(file: string): DatabaseSync {
  const database = new DatabaseSync(file);
  try {
    database.exec(schema);
    database.prepare('SELECT count(*) FROM workers').get();
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
