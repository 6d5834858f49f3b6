import { ApplicationFailure } from '@temporalio/common';
import { failures, isFailureType, type FailureType, type Problem } from '../../workflows/lib/failures.ts';

/** A failure of the catalogue as Temporal wants it: its type is the reason that people will read. */
export function failure(type: FailureType, message: string, cause?: unknown): ApplicationFailure {
  return ApplicationFailure.create({
    type,
    message,
    nonRetryable: !failures[type].retryable,
    ...(cause instanceof Error ? { cause } : {}),
  });
}

/** As a person reads it. What has no name of the catalogue is mostly a blob or a file that cannot be read. */
export function problemOf(error: unknown): Problem {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof ApplicationFailure && isFailureType(error.type)) return { reason: error.type, message };
  return { reason: isBlobLost(error) ? 'BlobStoreUnreachable' : 'Error', message };
}

/** Whether the blob store, or a child's word of it, says that a blob is not there or has other content. */
export function isBlobLost(error: unknown): error is Error {
  const { reason, code } = error as { reason?: unknown; code?: unknown };
  return [reason, code].some((name) => name === 'BlobNotFound' || name === 'DigestMismatch');
}

/** SQLite's code for a write that found no room. */
const sqliteFull = 13;
const words = /ENOSPC|EDQUOT|no space left on device|database or disk is full|disk quota exceeded/i;

/** Names what a full disk did; every other error stays as it came. */
export async function namingFullDisk<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw orDiskFull(error);
  }
}

/** `DiskFull` if a disk without room is the error or what caused it, else the error itself. */
export function orDiskFull(error: unknown): unknown {
  if (error instanceof ApplicationFailure) return error;
  for (let cause = error; isErrorLike(cause); cause = cause.cause) {
    const { code, errcode, message, path } = cause as NodeJS.ErrnoException & { errcode?: number };
    if (code === 'ENOSPC' || code === 'EDQUOT' || errcode === sqliteFull || saysDiskFull(message)) {
      const where = path === undefined ? '' : ` for ${path}`;
      return failure('DiskFull', `no space left on this node${where}: ${message}`, error);
    }
  }
  return error;
}

// By its shape: errors of SQLite and of other realms are not instances of this `Error`.
function isErrorLike(value: unknown): value is Error {
  return typeof value === 'object' && value !== null && typeof (value as Error).message === 'string';
}

/** Whether the words of a worker, in whatever language it is written, are those of a full disk. */
export function saysDiskFull(text: string): boolean {
  return words.test(text);
}
