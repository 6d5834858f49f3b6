import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ConfigError } from './config.ts';

/** Longer than a local controller takes to stop: one that takes over from it waits. */
const waitMs = 10_000;
const sqliteBusy = 5;

export interface StateLock {
  release(): void;
}

/**
 * A state folder belongs to one local controller: a second one would take its workers for its own and stop them. The lock is one of the
 * system (SQLite's), which goes with the process however that ends.
 */
export function lockState(stateDir: string, { timeoutMs = waitMs }: { timeoutMs?: number } = {}): StateLock {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(join(stateDir, 'lock.sqlite'), { timeout: timeoutMs });
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    throw refused(stateDir, error as Error & { errcode?: number });
  }
  const held = database;
  return { release: () => held.close() };
}

function refused(stateDir: string, error: Error & { errcode?: number }): ConfigError {
  if (error.errcode !== sqliteBusy) {
    return new ConfigError(`SEDNA_STATE_DIR: ${stateDir} cannot be locked: ${error.message}`, { cause: error });
  }
  return new ConfigError(`SEDNA_STATE_DIR: ${stateDir} is that of another local controller, which runs`, {
    code: 'StateInUse',
    hint: 'stop that one, or give each node of this machine a folder of its own',
    cause: error,
  });
}
