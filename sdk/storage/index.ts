export { openBlobStore } from './blob-store.ts';
export type { BlobRef, BlobSource, BlobStore, ReadOptions } from './blob-store.ts';
export { digestBytes, digestFile } from './digest.ts';
export type { Digest } from './digest.ts';
export { StorageError } from './errors.ts';
export type { StorageErrorCode } from './errors.ts';
export { copyFileAtomic, resolveInside, writeFileAtomic } from './files.ts';
export type { FileContent } from './files.ts';
export { isLocal, localPath, schemeOf } from './location.ts';
