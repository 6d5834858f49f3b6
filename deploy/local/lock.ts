import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { isNoRoom } from './files.ts';
import { isAlive, self, type ProcessRef } from '../../workers/lib/process.ts';

export interface LockOptions {
  /** How long to wait for another holder. */
  boundMs: number;
  /** Called once with the holder when there is one. */
  onWait?: (holder: ProcessRef) => void;
  /** What to do where there is no room for a lock and nobody holds it; default: `fail`. */
  withoutRoom?: 'fail' | 'go on';
}

/** Runs `work` while no other process holds `path`. A lock whose holder is gone is taken over. */
export async function withLock<T>(path: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  await acquire(path, options);
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

async function acquire(path: string, options: LockOptions): Promise<void> {
  const deadline = performance.now() + options.boundMs;
  let told = false;
  while (!claim(path, options)) {
    const holder = readHolder(path);
    if (holder === 'gone') continue;
    if (holder === undefined || !isAlive(holder)) {
      evict(path, holder);
      continue;
    }
    if (performance.now() > deadline) {
      throw new Error(`${path} is held by process ${holder.pid} for too long; end that process and try again`);
    }
    if (!told) options.onWait?.(holder);
    told = true;
    await delay(50);
  }
}

/** The link appears with its content or not at all, so nobody ever reads a half-written lock of a living process. */
function claim(path: string, { withoutRoom }: LockOptions): boolean {
  const temp = uniqueName(path);
  try {
    writeFileSync(temp, JSON.stringify(self()));
    linkSync(temp, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    if (withoutRoom === 'go on' && isNoRoom(error)) return readHolder(path) === 'gone';
    throw error;
  } finally {
    rmSync(temp, { force: true });
  }
}

/** Takes a dead holder's lock away; a lock that changed hands meanwhile is given back. */
function evict(path: string, dead: ProcessRef | undefined): void {
  const aside = uniqueName(path);
  try {
    renameSync(path, aside);
  } catch {
    return; // Another process was faster.
  }
  const moved = readHolder(aside);
  if (moved !== 'gone' && moved && (moved.pid !== dead?.pid || moved.startedAt !== dead.startedAt)) {
    try {
      linkSync(aside, path);
    } catch {
      // A third process holds it by now: the moved one's owner finds its lock gone when it releases, which is harmless.
    }
  }
  rmSync(aside, { force: true });
}

/** 'gone' when there is no lock, undefined when it is unreadable. */
function readHolder(path: string): ProcessRef | 'gone' | undefined {
  try {
    const holder = JSON.parse(readFileSync(path, 'utf8')) as Partial<ProcessRef>;
    return typeof holder.pid === 'number' && typeof holder.startedAt === 'string' ? (holder as ProcessRef) : undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'gone' : undefined;
  }
}

function uniqueName(path: string): string {
  return `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
}
