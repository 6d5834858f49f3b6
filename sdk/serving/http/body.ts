import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import { InferenceError } from '../errors.ts';
import type { MemoryPool } from './memory-pool.ts';

/** Tensors of 8-byte elements can be viewed without a copy where they start on a multiple of this. */
const ALIGNMENT = 8;

const decoders = { gzip: promisify(gunzip), deflate: promisify(inflate), br: promisify(brotliDecompress) };

/** So much larger than it came a body may be: numbers in JSON shrink to a third, dark pictures to a twentieth. */
const MAX_EXPANSION = 50;
/** Whatever it came as: one empty picture is no attack. */
const SMALL_BYTES = 1024 * 1024;

export interface BodyOptions {
  /** Largest body, in bytes, after decompression too. */
  limit: number;
  /** What to do about a larger one, for people. */
  advice?: string;
  /** Where binary tensors begin: placed on a multiple of 8. */
  headerLength?: number;
  /** Where memory for large bodies comes from; the caller gives it back. */
  pool?: MemoryPool;
}

/** Reads a request's body. Refuses one above the limit before it is read where its length is declared, and what it cannot decompress. */
export async function readBody(request: IncomingMessage, options: BodyOptions): Promise<Buffer> {
  const { limit, advice } = options;
  const encoding = request.headers['content-encoding'] ?? 'identity';
  const raw = await readRaw(request, encoding === 'identity' ? options : { limit, advice });
  if (encoding === 'identity') return raw;
  const decode = Object.hasOwn(decoders, encoding) ? decoders[encoding as keyof typeof decoders] : undefined;
  if (!decode) throw new InferenceError(415, `content-encoding "${encoding}" is unknown; known: gzip, deflate, br`);
  const most = Math.max(SMALL_BYTES, MAX_EXPANSION * raw.byteLength);
  try {
    return await decode(raw, { maxOutputLength: Math.min(limit, most) });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') throw most < limit ? expandsTooMuch() : tooLarge(options);
    throw new InferenceError(400, `the body cannot be decompressed: ${message}`, { cause: error });
  }
}

function readRaw(request: IncomingMessage, options: BodyOptions): Promise<Buffer> {
  const { limit, headerLength = 0, pool } = options;
  const declared = request.headers['content-length'];
  const length = declared === undefined ? undefined : Number(declared);
  if (length !== undefined && length > limit) return Promise.reject(tooLarge(options));
  return new Promise((resolve, reject) => {
    const sink = length === undefined ? new GrowingSink(limit) : new SizedSink(length, headerLength, pool);
    request.on('data', (chunk: Buffer) => {
      if (!sink.take(chunk)) {
        request.pause();
        request.removeAllListeners('data');
        reject(tooLarge(options));
      }
    });
    request.on('end', () => resolve(sink.bytes()));
    request.on('error', () => undefined);
    // Comes after `end` as well, in each request: an error costs too much to make one for nothing.
    request.on('close', () => {
      if (!request.complete) reject(new InferenceError(400, 'the body was cut off', { reason: 'CANCELED' }));
    });
  });
}

/** Of declared length (which the HTTP parser enforces). A body that comes in one piece is not copied; memory is touched as bytes arrive. */
class SizedSink {
  readonly #length: number;
  readonly #pad: number;
  readonly #pool: MemoryPool | undefined;
  #only: Buffer | undefined;
  #target: Buffer | undefined;
  #at = 0;

  constructor(length: number, headerLength: number, pool: MemoryPool | undefined) {
    this.#length = length;
    this.#pool = pool;
    this.#pad = (ALIGNMENT - (headerLength % ALIGNMENT)) % ALIGNMENT;
  }

  take(chunk: Buffer): boolean {
    if (chunk.byteLength === this.#length) {
      this.#only = chunk;
      return true;
    }
    this.#target ??= this.#memory(this.#length + this.#pad).subarray(this.#pad);
    this.#at += chunk.copy(this.#target, this.#at);
    free(chunk);
    return true;
  }

  bytes(): Buffer {
    return this.#only ?? this.#target?.subarray(0, this.#at) ?? Buffer.alloc(0);
  }

  #memory(bytes: number): Buffer {
    return this.#pool?.take(bytes) ?? Buffer.allocUnsafeSlow(bytes);
  }
}

/**
 * Frees the memory of a chunk that was copied and that nobody else has. Left to the garbage collector, 64 KiB here and there make it
 * collect the whole heap every few megabytes, which costs several times as much as reading the body.
 */
function free({ buffer, byteLength }: Buffer): void {
  if (buffer.byteLength === byteLength) (buffer as ArrayBuffer & { transfer(size: number): ArrayBuffer }).transfer(0);
}

class GrowingSink {
  readonly #limit: number;
  readonly #chunks: Buffer[] = [];
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  take(chunk: Buffer): boolean {
    this.#size += chunk.byteLength;
    this.#chunks.push(chunk);
    return this.#size <= this.#limit;
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

const tooLarge = ({ limit, advice }: BodyOptions) =>
  new InferenceError(413, `the body is larger than ${limit} bytes${advice === undefined ? '' : `: ${advice}`}`, {
    reason: 'REJECTED',
  });

const expandsTooMuch = () =>
  new InferenceError(413, `the body is more than ${MAX_EXPANSION} times as large as it came: send it uncompressed`, {
    reason: 'REJECTED',
  });
