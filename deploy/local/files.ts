import { createHash } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  createReadStream,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pipeline } from 'node:stream/promises';

/** The root of the checkout or of the installed package. */
export function packageRoot(): string {
  let dir = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(dir, 'package.json')) && dir !== dirname(dir)) dir = dirname(dir);
  return dir;
}

/** Where binaries are kept between runs: `$XDG_CACHE_HOME/sedna` or `~/.cache/sedna`. */
export function cacheDir(): string {
  const base = process.env.XDG_CACHE_HOME;
  return join(base ? resolve(base) : join(homedir(), '.cache'), 'sedna');
}

/** Readers see the old file or the new one, never a part, also after a power cut. */
export function writeAtomic(path: string, data: string, mode = 0o644): void {
  const temp = `${path}.${process.pid}.tmp`;
  const file = openSync(temp, 'w', mode);
  try {
    writeFileSync(file, data);
    fsyncSync(file);
    renameSync(temp, path);
  } catch (error) {
    rmSync(temp, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
}

/** Stopping needs no room: a record that cannot be written now names processes that are gone, and is read as such. */
export function unlessNoRoom(write: () => void): void {
  try {
    write();
  } catch (error) {
    if (!isNoRoom(error)) throw error;
  }
}

/** The disk is full, or may only be read. */
export function isNoRoom(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '');
}

export async function sha256File(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** The last `count` lines of a log, for saying why something died; empty when there is none. Reads at most 64 KiB. */
export function lastLines(path: string, count: number): string[] {
  try {
    const text = readFileSync(path, 'utf8').slice(-65_536);
    return text.split('\n').filter(Boolean).slice(-count);
  } catch {
    return [];
  }
}

/** Of a log of the stack, in bytes. */
const maxLogBytes = 5 << 20;

/** Keeps one earlier log (`NAME.log.1`) once the file has outgrown `maxBytes`. Only for a file that nobody has open. */
export function rotateLog(path: string, maxBytes = maxLogBytes): void {
  try {
    if (statSync(path).size > maxBytes) renameSync(path, `${path}.1`);
  } catch {
    // No log yet.
  }
}

/** The same for a file that somebody goes on appending to: what is written while it is copied may be lost. */
export function rotateOpenLog(path: string, maxBytes = maxLogBytes): void {
  try {
    if (statSync(path).size <= maxBytes) return;
    copyFileSync(path, `${path}.1`);
    truncateSync(path);
  } catch {
    // No log yet, or no room for a second one: the first goes on.
  }
}
