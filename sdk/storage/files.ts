import { lstat, mkdir, open, readdir, realpath, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { behind, withChunkBuffer } from './buffers.ts';
import { StorageError, isNotFound } from './errors.ts';
import { openRegularFile } from './regular-file.ts';

export { isLocal, localPath, schemeOf } from './location.ts';

/** An array is written in one go. */
export type FileContent = string | Uint8Array | readonly Uint8Array[] | AsyncIterable<string | Uint8Array>;

export interface FlushOptions {
  /**
   * Default: true. Without it, a power cut may leave an empty file or none, which whoever reads it must bear; the death of a process
   * leaves the old content or the new one as ever. For what a node without power has no use for any more: each flush is milliseconds.
   */
  flush?: boolean;
}

/**
 * Writes a whole file or none of it: a reader, or a power cut, sees the old content or the new one. Parent directories are made.
 * Written beside the target, flushed, then renamed over it.
 */
export async function writeFileAtomic(file: string, content: FileContent, options: FlushOptions = {}): Promise<void> {
  const temporary = await stage(path.dirname(file), content, options);
  await publish(temporary, file, options);
}

/** Copies a file with the guarantees of {@link writeFileAtomic}. The source must not change meanwhile. */
export async function copyFileAtomic(source: string, target: string): Promise<void> {
  await writeFileAtomic(target, chunksOf(source));
}

/**
 * The content of a regular file (a pipe or a device is refused). A chunk is valid until the next one is asked for. The file is opened by
 * whoever reads, not before: one that cannot be opened while nobody listens yet would end the process.
 */
export async function* chunksOf(file: string): AsyncGenerator<Uint8Array> {
  const handle = await openRegularFile(file);
  try {
    yield* withChunkBuffer(async function* (buffer) {
      for (;;) {
        const { bytesRead } = await handle.read(buffer, 0, buffer.length);
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
      }
    });
  } finally {
    await handle.close();
  }
}

/** Writes and flushes `content` to a new file in `directory`; nothing remains of it if that fails. Resolves to its path. */
export async function stage(
  directory: string,
  content: FileContent,
  { flush = true }: FlushOptions = {},
): Promise<string> {
  const temporary = path.join(directory, `.${randomUUID()}.tmp`);
  const handle = await inDirectory(directory, () => open(temporary, 'wx'));
  try {
    await write(handle, content);
    if (flush) await handle.sync();
    await handle.close();
    return temporary;
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Removes what processes that were killed had staged there. Never rejects: whoever comes next tries again. */
export async function dropStaged(directory: string, olderThanMs: number): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names.filter((one) => one.endsWith('.tmp'))) {
    const file = path.join(directory, name);
    const touched = await stat(file).catch(() => undefined);
    if (touched !== undefined && Date.now() - touched.mtimeMs > olderThanMs)
      await rm(file, { force: true }).catch(() => undefined);
  }
}

async function write(handle: FileHandle, content: FileContent): Promise<void> {
  if (!isPieces(content)) return handle.writeFile(content);
  let rest = content.filter(({ byteLength }) => byteLength > 0);
  while (rest.length > 0) rest = behind(rest, (await handle.writev(rest)).bytesWritten);
}

const isPieces = (content: FileContent): content is readonly Uint8Array[] => Array.isArray(content);

/** What was written to a file so far outlives a power cut. */
export async function flush(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Renames a staged file to its name and flushes the directory; removes it if that fails. */
export async function publish(temporary: string, file: string, options: FlushOptions = {}): Promise<void> {
  try {
    await move(temporary, file, options);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Renames a file, over another one if need be, and flushes the directory. */
export async function move(from: string, to: string, { flush = true }: FlushOptions = {}): Promise<void> {
  await inDirectory(path.dirname(to), () => rename(from, to));
  if (flush) await syncDirectory(path.dirname(to));
}

/** The directory is there nearly always: it is made only where it is missed. */
async function inDirectory<T>(directory: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    // Where it cannot be, making it says so in plainer words.
    if (!isNotFound(error) && (error as NodeJS.ErrnoException).code !== 'ENOTDIR') throw error;
    await mkdir(directory, { recursive: true });
    return act();
  }
}

async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return; // directories cannot be opened there
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Resolves `candidate` (relative to `root`, or absolute inside it) to an absolute path whose existing part, links followed,
 * lies inside `root`. The file itself need not exist. Throws `PathEscape` otherwise.
 */
export async function resolveInside(root: string, candidate: string): Promise<string> {
  const escape = () => new StorageError('PathEscape', `${JSON.stringify(candidate)}: leads out of ${root}`);
  if (candidate.includes('\0') || candidate.split(/[/\\]/).includes('..')) throw escape();
  const target = path.resolve(root, candidate);
  if (!contains(path.resolve(root), target)) throw escape();
  const realRoot = await realpath(root);
  const real = await realOfExistingPart(target);
  if (real === undefined || !contains(realRoot, real)) throw escape();
  return real;
}

function contains(root: string, target: string): boolean {
  const relative = path.relative(root, target);
  return !path.isAbsolute(relative) && relative.split(path.sep)[0] !== '..';
}

// undefined: a dangling link is on the way, so nobody can tell where a file written there would land.
async function realOfExistingPart(target: string): Promise<string | undefined> {
  let existing = target;
  while (!(await exists(existing))) {
    const parent = path.dirname(existing);
    if (parent === existing) return undefined;
    existing = parent;
  }
  try {
    return path.join(await realpath(existing), path.relative(existing, target));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await lstat(file);
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}
