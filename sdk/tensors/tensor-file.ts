import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { DTYPE_BYTES, requireFloat } from './dtype.ts';
import { behind, withChunkBuffer } from '../storage/buffers.ts';
import { decodeElements } from './elements.ts';
import { TensorError } from './errors.ts';
import {
  DEFAULT_LIMITS,
  PREFIX_BYTES,
  decodeHeader,
  encodeHeader,
  headerLength,
  type TensorEntry,
  type TensorLimits,
} from './header.ts';

/** Elements of one tensor, from `start`. */
export interface TensorPart {
  entry: TensorEntry;
  start: number;
  raw: Uint8Array;
}

/** Bytes of a file, and what they hold. */
export interface TensorPiece {
  bytes: Uint8Array;
  parts: TensorPart[];
}

/**
 * A safetensors file, open for reading: the header was checked against the size of the file; data is read by tensor and range, and
 * never as a whole. Errors are `TensorError`. Close it.
 */
export class TensorFile {
  readonly path: string;
  /** By name, in code-point order. */
  readonly entries: readonly TensorEntry[];
  /** Of the whole file. */
  readonly bytes: number;
  /** The bytes are exactly those that this SDK writes for these tensors: then equal tensors mean equal digests. */
  readonly canonical: boolean;
  readonly #handle: FileHandle;
  readonly #byName: ReadonlyMap<string, TensorEntry>;

  private constructor(
    path: string,
    handle: FileHandle,
    parts: { entries: TensorEntry[]; bytes: number; canonical: boolean },
  ) {
    this.path = path;
    this.entries = parts.entries;
    this.bytes = parts.bytes;
    this.canonical = parts.canonical;
    this.#handle = handle;
    this.#byName = new Map(parts.entries.map((entry) => [entry.name, entry]));
  }

  static async open(path: string, limits: TensorLimits = {}): Promise<TensorFile> {
    const handle = await open(path, 'r');
    try {
      return new TensorFile(path, handle, await readHeader(handle, { ...DEFAULT_LIMITS, ...limits }));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Throws `TensorUnknown`. */
  entry(name: string): TensorEntry {
    const entry = this.#byName.get(name);
    if (entry) return entry;
    throw new TensorError('TensorUnknown', `tensor ${JSON.stringify(name)}: is not in ${this.path}`);
  }

  /** For reading at positions from other threads, until `close`. */
  get fd(): number {
    return this.#handle.fd;
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /** Elements over all tensors. */
  get elements(): number {
    return this.entries.reduce((sum, { elements }) => sum + elements, 0);
  }

  /** Raw bytes of `count` elements from `start`; all of them by default. */
  async read(name: string, start = 0, count?: number): Promise<Uint8Array> {
    const { offset, dtype, elements } = this.entry(name);
    const wanted = count ?? elements - start;
    if (!(start >= 0 && wanted >= 0 && start + wanted <= elements)) {
      throw new TensorError(
        'RangeInvalid',
        `tensor ${JSON.stringify(name)}: has ${elements} elements, none from ${start} to ${start + wanted}`,
      );
    }
    const size = DTYPE_BYTES[dtype];
    return readExactly(this.#handle, offset + start * size, wanted * size);
  }

  /** Raw bytes of all tensors, in the order of `entries`, each in memory of its own, which begins with them. */
  async readAll(): Promise<Uint8Array<ArrayBuffer>[]> {
    const read: Uint8Array<ArrayBuffer>[] = [];
    if (!this.canonical) {
      for (const { offset, bytes } of this.entries) read.push(await readExactly(this.#handle, offset, bytes));
      return read;
    }
    for (const { bytes } of this.entries) read.push(new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer));
    const first = this.entries[0]?.offset ?? this.bytes;
    await fill(this.#handle, first, read);
    return read;
  }

  /** The whole file in order, in pieces that cut no element; each is valid until the next one is asked for. */
  pieces(): AsyncGenerator<TensorPiece> {
    return withChunkBuffer((buffer) => this.#pieces(buffer));
  }

  async *#pieces(buffer: Buffer): AsyncGenerator<TensorPiece> {
    const inOrder = [...this.entries].sort((a, b) => a.offset - b.offset || a.bytes - b.bytes);
    let next = 0;
    for (let begin = 0, end = 0; begin < this.bytes; begin = end) {
      end = Math.min(begin + buffer.length, this.bytes);
      await fill(this.#handle, begin, [buffer.subarray(0, end - begin)]);
      const parts: TensorPart[] = [];
      for (; next < inOrder.length; next++) {
        const entry = inOrder[next] as TensorEntry;
        if (entry.offset >= end) break;
        const size = DTYPE_BYTES[entry.dtype];
        const isLast = entry.offset + entry.bytes > end;
        if (isLast) end -= (end - entry.offset) % size;
        const from = Math.max(entry.offset, begin);
        const to = Math.min(entry.offset + entry.bytes, end);
        const raw = buffer.subarray(from - begin, to - begin);
        if (raw.length > 0) parts.push({ entry, start: (from - entry.offset) / size, raw });
        if (isLast) break;
      }
      yield { bytes: buffer.subarray(0, end - begin), parts };
    }
  }

  /** Like `read`, as doubles; the tensor must be F16, F32 or F64 (`DtypeUnsupported`). */
  async floats(name: string, start = 0, count?: number): Promise<Float64Array> {
    const dtype = requireFloat(name, this.entry(name).dtype);
    return decodeElements(dtype, await this.read(name, start, count));
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Opens a file for the time of `use`. */
export async function withTensors<T>(path: string, use: (file: TensorFile) => Promise<T>): Promise<T> {
  const file = await TensorFile.open(path);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

async function readHeader(handle: FileHandle, limits: Required<TensorLimits>) {
  const stat = await handle.stat();
  if (!stat.isFile()) throw new TensorError('NotTensors', 'the file is no regular file');
  const prefix = await readExactly(handle, 0, Math.min(PREFIX_BYTES, stat.size));
  const length = headerLength(prefix, stat.size, limits);
  const json = await readExactly(handle, PREFIX_BYTES, length);
  const entries = decodeHeader(json, stat.size, limits);
  const { header } = encodeHeader(entries);
  return { entries, bytes: stat.size, canonical: header.equals(Buffer.concat([prefix, json])) };
}

/** Buffers that lie one behind the other in the file, in one go. */
async function fill(handle: FileHandle, position: number, buffers: readonly Uint8Array[]): Promise<void> {
  let at = position;
  for (let rest = behind(buffers, 0); rest.length > 0;) {
    const { bytesRead } = await handle.readv(rest, at);
    if (bytesRead === 0) throw new TensorError('NotTensors', `the file ended at ${at}: cut while it was read`);
    at += bytesRead;
    rest = behind(rest, bytesRead);
  }
}

async function readExactly(handle: FileHandle, position: number, bytes: number): Promise<Buffer<ArrayBuffer>> {
  const buffer = Buffer.allocUnsafeSlow(bytes);
  let done = 0;
  while (done < bytes) {
    const { bytesRead } = await handle.read(buffer, done, bytes - done, position + done);
    if (bytesRead === 0)
      throw new TensorError('NotTensors', `the file ended at ${position + done}: cut while it was read`);
    done += bytesRead;
  }
  return buffer;
}
