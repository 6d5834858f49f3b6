export type StorageErrorCode =
  | 'UnsupportedScheme'
  | 'InvalidLocation'
  | 'PathEscape'
  | 'BlobNotFound'
  | 'BlobInvalid'
  | 'DigestMismatch'
  | 'TooLarge';

/** What storage refuses or cannot find. `code` is stable; the message says which place and what to do. */
export class StorageError extends Error {
  override name = 'StorageError';
  readonly code: StorageErrorCode;

  constructor(code: StorageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** True for the error of a missing file. */
export const isNotFound = (error: unknown): boolean => (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
