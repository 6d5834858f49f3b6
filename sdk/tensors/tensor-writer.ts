import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { publish, type FlushOptions } from '../storage/files.ts';
import { DTYPE_BYTES } from './dtype.ts';
import { TensorError } from './errors.ts';
import { encodeHeader, type TensorEntry, type TensorLayout } from './header.ts';

/** A finished tensor file. */
export interface WrittenTensors {
  path: string;
  /** Lower-case hex, of the whole file. */
  sha256: string;
  bytes: number;
}

const HASH_CHUNK = 4 * 2 ** 20;

/**
 * Writes a canonical safetensors file: parts in any order, under a temporary name beside the target; `finish` flushes and renames.
 * Call `finish` or `abandon`.
 */
export class TensorWriter {
  readonly temporary: string;
  /** By name, in code-point order. */
  readonly entries: readonly TensorEntry[];
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #byName: ReadonlyMap<string, TensorEntry>;
  readonly #hash = createHash('sha256');
  readonly #bytes: number;
  #hashed: number;

  private constructor(target: string, temporary: string, handle: FileHandle, parts: ReturnType<typeof encodeHeader>) {
    this.#path = target;
    this.temporary = temporary;
    this.#handle = handle;
    this.entries = parts.entries;
    this.#byName = new Map(parts.entries.map((entry) => [entry.name, entry]));
    this.#hash.update(parts.header);
    this.#hashed = parts.header.length;
    this.#bytes = parts.entries.reduce((sum, { bytes }) => sum + bytes, parts.header.length);
  }

  static async create(target: string, layouts: readonly TensorLayout[]): Promise<TensorWriter> {
    const parts = encodeHeader(layouts);
    await mkdir(path.dirname(target), { recursive: true });
    const temporary = path.join(path.dirname(target), `.${randomUUID()}.tmp`);
    const handle = await open(temporary, 'wx+');
    const writer = new TensorWriter(target, temporary, handle, parts);
    try {
      await writeExactly(handle, parts.header, 0);
      await handle.truncate(writer.#bytes);
      return writer;
    } catch (error) {
      await writer.abandon();
      throw error;
    }
  }

  /** For writing at positions from other threads, until `finish`. */
  get fd(): number {
    return this.#handle.fd;
  }

  /** Throws `TensorUnknown`. */
  entry(name: string): TensorEntry {
    const entry = this.#byName.get(name);
    if (entry) return entry;
    throw new TensorError('TensorUnknown', `tensor ${JSON.stringify(name)}: is not among those to be written`);
  }

  /** Raw bytes of elements from `start`. Each element must be written once; parts in file order are hashed on the way. */
  async write(name: string, start: number, raw: Uint8Array): Promise<void> {
    const entry = this.entry(name);
    const begin = start * DTYPE_BYTES[entry.dtype];
    if (begin + raw.byteLength > entry.bytes) {
      throw new TensorError(
        'RangeInvalid',
        `tensor ${JSON.stringify(name)}: has ${entry.bytes} bytes; data ends at ${begin + raw.byteLength}`,
      );
    }
    const position = entry.offset + begin;
    await writeExactly(this.#handle, raw, position);
    if (position !== this.#hashed) return;
    this.#hash.update(raw);
    this.#hashed += raw.byteLength;
  }

  /** Hashes what others wrote up to this position of the file, so that little is left for `finish`. */
  async hashTo(position: number): Promise<void> {
    const chunk = Buffer.allocUnsafeSlow(Math.min(HASH_CHUNK, Math.max(0, position - this.#hashed)));
    while (this.#hashed < position) {
      const { bytesRead } = await this.#handle.read(
        chunk,
        0,
        Math.min(chunk.length, position - this.#hashed),
        this.#hashed,
      );
      if (bytesRead === 0) throw new TensorError('NotTensors', `${this.temporary}: was cut while it was written`);
      this.#hash.update(chunk.subarray(0, bytesRead));
      this.#hashed += bytesRead;
    }
  }

  async finish({ flush = true }: FlushOptions = {}): Promise<WrittenTensors> {
    try {
      await this.hashTo(this.#bytes);
      if (flush) await this.#handle.sync();
      await this.#handle.close();
    } catch (error) {
      await this.abandon();
      throw error;
    }
    await publish(this.temporary, this.#path, { flush });
    return { path: this.#path, sha256: this.#hash.digest('hex'), bytes: this.#bytes };
  }

  /** Leaves nothing behind. */
  async abandon(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
    await rm(this.temporary, { force: true });
  }
}

/** Writes with a writer for the time of `fill`: finished when it resolves, abandoned when it throws. */
export async function writing(
  target: string,
  layouts: readonly TensorLayout[],
  fill: (writer: TensorWriter) => Promise<void>,
  options: FlushOptions = {},
): Promise<WrittenTensors> {
  const writer = await TensorWriter.create(target, layouts);
  try {
    await fill(writer);
  } catch (error) {
    await writer.abandon();
    throw error;
  }
  return writer.finish(options);
}

async function writeExactly(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.byteLength) {
    done += (await handle.write(bytes, done, bytes.byteLength - done, position + done)).bytesWritten;
  }
}
