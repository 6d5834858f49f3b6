import { constants } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';

/** The name is that of something other than a file with content; `code` is `EISDIR` for a directory. */
export class NotAFileError extends Error {
  override name = 'NotAFileError';
  readonly code: 'EISDIR' | 'ENOTFILE';

  constructor(file: string, isDirectory: boolean) {
    super(isDirectory ? `${file} is a directory` : `${file} is not a file but a pipe, socket or device`);
    this.code = isDirectory ? 'EISDIR' : 'ENOTFILE';
  }
}

/**
 * Opens a regular file for reading. Opening a pipe would wait for its writer for ever, on one of the few threads for files of a
 * process; reading a device may never end. Links are followed.
 */
export async function openRegularFile(file: string): Promise<FileHandle> {
  judge(file, await stat(file));
  // It may have been replaced since: never wait for a writer.
  const handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    judge(file, await handle.stat());
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function judge(file: string, found: { isFile(): boolean; isDirectory(): boolean }): void {
  if (!found.isFile()) throw new NotAFileError(file, found.isDirectory());
}
