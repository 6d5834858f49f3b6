import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ConfigError } from './config.ts';
import { logger } from './log.ts';

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
  try {
    return tryLock(stateDir, 0);
  } catch (error) {
    if (!isHeld(error) || timeoutMs === 0) throw refused(stateDir, error as Error);
  }
  logger.info({ stateDir, timeoutMs }, 'another local controller has this state folder: waiting for it to end');
  try {
    return tryLock(stateDir, timeoutMs);
  } catch (error) {
    throw refused(stateDir, error as Error);
  }
}

function tryLock(stateDir: string, timeoutMs: number): StateLock {
  const database = new DatabaseSync(join(stateDir, 'lock.sqlite'), { timeout: timeoutMs });
  try {
    database.exec('BEGIN EXCLUSIVE');
    return { release: () => database.close() };
  } catch (error) {
    database.close();
    throw error;
  }
}

function isHeld(error: unknown): boolean {
  return (error as { errcode?: number }).errcode === sqliteBusy;
}

function refused(stateDir: string, error: Error): ConfigError {
  if (!isHeld(error)) {
    return new ConfigError(`SEDNA_STATE_DIR: ${stateDir} cannot be locked: ${error.message}`, { cause: error });
  }
  return new ConfigError(`SEDNA_STATE_DIR: ${stateDir} is that of another local controller, which runs`, {
    code: 'StateInUse',
    hint: 'stop that one, or give each node of this machine a folder of its own',
    cause: error,
  });
}
