import type { Digest } from './digest.ts';
import { FileBlobStore } from './file-blob-store.ts';
import type { FlushOptions } from './files.ts';
import { localPath, schemeOf, unsupported } from './location.ts';

/** An immutable file, named by its content. Small enough to travel through workflows; the bytes never do. */
export interface BlobRef {
  /** Where it was put. Information for people: stores find a blob by `sha256`. */
  uri: string;
  /** Lower-case hex. */
  sha256: string;
  bytes: number;
}

/**
 * Bytes in memory, a stream (also one whose chunks are valid until the next one), or a file on this node. `move`: the file is not
 * needed any more, and may become the blob itself; `digest`: of its bytes, where this process has written them itself.
 */
export type BlobSource =
  Uint8Array | string | AsyncIterable<string | Uint8Array> | { file: string; move?: boolean; digest?: Digest };

export interface BlobStoreOptions {
  /** How files are digested. Default: by the thread that asks. */
  digest?: (file: string) => Promise<Digest>;
}

export interface ReadOptions {
  /** Larger blobs are refused with `TooLarge` before anything is read. Default: 64 MiB. */
  maxBytes?: number;
}

/** Content-addressed storage. Every operation may be repeated; errors are `StorageError`. */
export interface BlobStore {
  readonly url: string;
  /** Stores a blob. Storing the same bytes again gives an equal reference. */
  put(source: BlobSource): Promise<BlobRef>;
  /** Reads a small blob whole, verified. */
  read(ref: BlobRef, options?: ReadOptions): Promise<Buffer>;
  /** Writes a blob to `path`, verified and atomically. Does nothing if the file there already has that digest. */
  fetchTo(ref: BlobRef, path: string, options?: FlushOptions): Promise<void>;
  /**
   * The path of a file with a blob's content, verified, for those that only read: the blob's own where it is a file of this machine,
   * else `cache`, to which it is fetched.
   */
  fileOf(ref: BlobRef, cache: string): Promise<string>;
  /** Whether a blob of that digest and size is there. Does not read its content. */
  has(ref: BlobRef): Promise<boolean>;
}

/** Opens the store at an absolute path or `file://` URL. The directory is made on the first `put`. */
export function openBlobStore(url: string, options: BlobStoreOptions = {}): BlobStore {
  const scheme = schemeOf(url);
  if (scheme === '' || scheme === 'file') return new FileBlobStore(localPath(url), options);
  throw unsupported(scheme, url);
}
