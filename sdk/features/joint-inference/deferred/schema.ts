import { DatabaseSync } from 'node:sqlite';
import { mkdirSync, renameSync } from 'node:fs';
import path from 'node:path';
import { storeFiles } from './inherited.ts';

const pageBytes = 4_096;
/** Of the quota: room for the rollback journal, indexes and half-full pages. */
const reserveBytes = 1024 * 1024;
/** No lease and no pause is longer: one that seems to be was given before the clock of the node was set back. */
export const longestWaitMs = 900_000;
/** Several replicas may share the file; a transaction takes milliseconds. */
const busyMs = 10_000;

const tables = `
  CREATE TABLE IF NOT EXISTS inputs (digest TEXT PRIMARY KEY, cost INTEGER NOT NULL, leasedUntil INTEGER NOT NULL) WITHOUT ROWID;
  -- Apart from the lease: an update writes a whole row anew.
  CREATE TABLE IF NOT EXISTS contents (digest TEXT PRIMARY KEY, content BLOB NOT NULL);
  CREATE TABLE IF NOT EXISTS requests (
    id TEXT PRIMARY KEY, digest TEXT NOT NULL, state TEXT NOT NULL, uncertainty REAL NOT NULL, cost INTEGER NOT NULL,
    createdAt INTEGER NOT NULL, expiresAt INTEGER NOT NULL, endedAt INTEGER, sequence INTEGER,
    provisional BLOB NOT NULL, answer BLOB, reason TEXT, message TEXT,
    callback TEXT, callAt INTEGER, calls INTEGER NOT NULL DEFAULT 0, delivered INTEGER NOT NULL DEFAULT 0
  );
  -- Inputs that have their answer, until who learns from them has them; their contents stay as long.
  CREATE TABLE IF NOT EXISTS examples (
    digest TEXT PRIMARY KEY, answer BLOB NOT NULL, cost INTEGER NOT NULL, createdAt INTEGER NOT NULL, leasedUntil INTEGER NOT NULL,
    told INTEGER NOT NULL DEFAULT 0
  );
  CREATE INDEX IF NOT EXISTS byDigest ON requests (digest, state);
  CREATE INDEX IF NOT EXISTS byUncertainty ON requests (state, uncertainty);
  CREATE INDEX IF NOT EXISTS bySequence ON requests (sequence) WHERE sequence IS NOT NULL;
  CREATE INDEX IF NOT EXISTS byCall ON requests (callAt) WHERE callAt IS NOT NULL;
  -- What applied when requests were last promised an answer.
  CREATE TABLE IF NOT EXISTS settings (one INTEGER PRIMARY KEY CHECK (one = 1), value TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  INSERT OR IGNORE INTO counters VALUES ('sequence', 0);
`;

/** Opens the store of a folder, which several processes may do, and bounds its file. A rollback journal stays small where a log of large inputs would not. */
export function openDatabase(folder: string, quotaBytes: number): DatabaseSync {
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, storeFiles[0]);
  try {
    return prepared(file, quotaBytes);
  } catch (error) {
    if (!isDamage(error)) throw error;
    // Requests must be answered, and new ones kept; what was in it is left to people.
    console.error(`${file} is damaged (${(error as Error).message}); it is set aside as ${file}.damaged`);
    renameSync(file, `${file}.damaged`);
    return prepared(file, quotaBytes);
  }
}

/** SQLITE_CORRUPT and SQLITE_NOTADB. */
const damaged = [11, 26];

/** The file is no database, or no whole one. */
export const isDamage = (error: unknown): boolean => damaged.includes((error as { errcode?: number }).errcode ?? 0);

function prepared(file: string, quotaBytes: number): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: busyMs });
  try {
    database.exec(`PRAGMA page_size = ${pageBytes}; PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL`);
    database.exec(tables);
    database.exec(`PRAGMA max_page_count = ${Math.floor((quotaBytes - reserveBytes / 2) / pageBytes)}`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** What the rows of all requests and inputs may cost together. */
export const budgetOf = (quotaBytes: number): number => quotaBytes - reserveBytes;

/** Room that a row of so many bytes takes at most: small ones share pages that are at least half full, large ones get pages of their own. */
export function costOf(bytes: number): number {
  const row = bytes + 256;
  return row < pageBytes / 4 ? 2 * row : (Math.ceil(row / pageBytes) + 2) * pageBytes;
}
