import { readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import type { BlobRef, BlobSource, BlobStore, BlobStoreOptions, ReadOptions } from './blob-store.ts';
import { digestBytes, digestFile, digesting } from './digest.ts';
import type { Digest } from './digest.ts';
import { StorageError, isNotFound } from './errors.ts';
import { chunksOf, dropStaged, flush, move, publish, stage, type FlushOptions } from './files.ts';

/** Whoever still writes a file has touched it by then. */
const leftAfterMs = 3_600_000;

const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;

/** Blobs under `<root>/sha256/<2 hex>/<62 hex>`; many processes of one machine, or of one shared file system, may use it. */
export class FileBlobStore implements BlobStore {
  readonly url: string;
  private readonly root: string;
  private readonly digest: (file: string) => Promise<Digest>;
  private tidied: Promise<void> | undefined;

  constructor(root: string, { digest = digestFile }: BlobStoreOptions = {}) {
    this.root = root;
    this.digest = digest;
    this.url = pathToFileURL(root).href;
  }

  async put(source: BlobSource): Promise<BlobRef> {
    if (typeof source === 'object' && 'move' in source && source.move) {
      const moved = await this.adopt(source);
      if (moved !== undefined) return moved;
    }
    const { chunks, result } = digesting(open(source));
    const staging = path.join(this.root, 'tmp');
    this.tidied ??= dropStaged(staging, leftAfterMs);
    const temporary = await stage(staging, chunks);
    const digest = result();
    const file = this.pathOf(digest);
    // An existing blob is replaced by equal bytes: harmless for readers, and it heals a damaged copy.
    await publish(temporary, file);
    return { uri: pathToFileURL(file).href, ...digest };
  }

  /** Undefined: the file is on another file system, and must be copied. */
  private async adopt({ file: source, digest: known }: Adopted): Promise<BlobRef | undefined> {
    const digest = known ?? (await this.digest(source));
    const file = this.pathOf(digest);
    await flush(source);
    try {
      await move(source, file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EXDEV') return undefined;
      throw error;
    }
    return { uri: pathToFileURL(file).href, sha256: digest.sha256, bytes: digest.bytes };
  }

  async read(ref: BlobRef, { maxBytes = DEFAULT_MAX_BYTES }: ReadOptions = {}): Promise<Buffer> {
    const file = this.pathOf(ref);
    const { size } = await this.statOf(ref);
    if (size > maxBytes) {
      throw new StorageError('TooLarge', `blob ${ref.sha256} has ${size} bytes; at most ${maxBytes} are read here`);
    }
    const content = await readFile(file);
    verify(ref, digestBytes(content));
    return content;
  }

  async fetchTo(ref: BlobRef, target: string, options: FlushOptions = {}): Promise<void> {
    const file = this.pathOf(ref);
    if (await holds(target, ref)) return;
    await this.statOf(ref);
    const { chunks, result } = digesting(chunksOf(file));
    const temporary = await stage(path.dirname(target), chunks, options);
    try {
      verify(ref, result());
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await publish(temporary, target, options);
  }

  async fileOf(ref: BlobRef): Promise<string> {
    await this.statOf(ref);
    const file = this.pathOf(ref);
    verify(ref, await this.digest(file));
    return file;
  }

  async has(ref: BlobRef): Promise<boolean> {
    try {
      return (await stat(this.pathOf(ref))).size === ref.bytes;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  private async statOf(ref: BlobRef) {
    try {
      return await stat(this.pathOf(ref));
    } catch (error) {
      if (!isNotFound(error)) throw error;
      throw new StorageError('BlobNotFound', `blob ${ref.sha256} is not in ${this.url} (it was put at ${ref.uri})`, {
        cause: error,
      });
    }
  }

  // The digest alone decides the path, so a forged `uri` leads nowhere.
  private pathOf({ sha256 }: Pick<BlobRef, 'sha256'>): string {
    if (!/^[0-9a-f]{64}$/.test(sha256)) {
      throw new StorageError('BlobInvalid', `${JSON.stringify(sha256)} is not a SHA-256 in lower-case hex`);
    }
    return path.join(this.root, 'sha256', sha256.slice(0, 2), sha256.slice(2));
  }
}

type Adopted = Extract<BlobSource, { file: string }>;

function open(source: BlobSource): AsyncIterable<string | Uint8Array> {
  if (typeof source === 'string' || ArrayBuffer.isView(source)) return Readable.from([source]);
  if ('file' in source) return chunksOf(source.file);
  return source;
}

function verify(ref: BlobRef, digest: Digest): void {
  if (digest.sha256 === ref.sha256 && digest.bytes === ref.bytes) return;
  throw new StorageError(
    'DigestMismatch',
    `blob ${ref.sha256} (${ref.bytes} bytes) has other content: ${digest.sha256} (${digest.bytes} bytes)`,
  );
}

async function holds(file: string, ref: BlobRef): Promise<boolean> {
  try {
    const found = await stat(file);
    return found.isFile() && found.size === ref.bytes && (await digestFile(file)).sha256 === ref.sha256;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}
