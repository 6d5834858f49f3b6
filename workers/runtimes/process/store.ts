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
}

const schema = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS workers (name TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;
`;

export class WorkerStore {
  readonly #database: DatabaseSync;

  constructor(file: string) {
    mkdirSync(dirname(file), { recursive: true });
    this.#database = open(file);
  }

  all(): WorkerRecord[] {
    const rows = this.#database.prepare('SELECT record FROM workers').all();
    return rows.map((row) => JSON.parse(String(row['record'])) as WorkerRecord);
  }

  save(record: WorkerRecord): void {
    this.#database
      .prepare(
        'INSERT INTO workers (name, record) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET record = excluded.record',
      )
      .run(record.launch.name, JSON.stringify(record));
  }

  remove(name: string): void {
    this.#database.prepare('DELETE FROM workers WHERE name = ?').run(name);
  }

  close(): void {
    this.#database.close();
  }
}

function open(file: string): DatabaseSync {
  try {
    return initialise(file);
  } catch (error) {
    // Not a database, or a torn one: workers are found again by their environment, so nothing that matters is lost.
    renameSync(file, `${file}.broken-${Date.now()}`);
    process.emitWarning(`${file} could not be read and was set aside: ${(error as Error).message}`);
    return initialise(file);
  }
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
