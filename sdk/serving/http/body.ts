import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import { InferenceError } from '../errors.ts';

/** Tensors of 8-byte elements can be viewed without a copy where they start on a multiple of this. */
const ALIGNMENT = 8;

const decoders = { gzip: promisify(gunzip), deflate: promisify(inflate), br: promisify(brotliDecompress) };

export interface BodyOptions {
  /** Largest body, in bytes, after decompression too. */
  limit: number;
  /** Where binary tensors begin: placed on a multiple of 8. */
  headerLength?: number;
}

/** Reads a request's body. Refuses one above the limit before it is read where its length is declared, and what it cannot decompress. */
export async function readBody(request: IncomingMessage, { limit, headerLength = 0 }: BodyOptions): Promise<Buffer> {
  const encoding = request.headers['content-encoding'] ?? 'identity';
  const raw = await readRaw(request, limit, encoding === 'identity' ? headerLength : 0);
  if (encoding === 'identity') return raw;
  const decode = Object.hasOwn(decoders, encoding) ? decoders[encoding as keyof typeof decoders] : undefined;
  if (!decode) throw new InferenceError(415, `content-encoding "${encoding}" is unknown; known: gzip, deflate, br`);
  try {
    return await decode(raw, { maxOutputLength: limit });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(limit);
    throw new InferenceError(400, `the body cannot be decompressed: ${message}`, { cause: error });
  }
}

function readRaw(request: IncomingMessage, limit: number, headerLength: number): Promise<Buffer> {
  const declared = request.headers['content-length'];
  const length = declared === undefined ? undefined : Number(declared);
  if (length !== undefined && length > limit) return Promise.reject(tooLarge(limit));
  return new Promise((resolve, reject) => {
    const sink = length === undefined ? new GrowingSink(limit) : new SizedSink(length, headerLength);
    request.on('data', (chunk: Buffer) => {
      if (!sink.take(chunk)) {
        request.pause();
        request.removeAllListeners('data');
        reject(tooLarge(limit));
      }
    });
    request.on('end', () => resolve(sink.bytes()));
    const cut = () => reject(new InferenceError(400, 'the body was cut off', { reason: 'CANCELED' }));
    request.on('error', cut);
    request.on('close', cut);
  });
}

/** Of declared length (which the HTTP parser enforces). A body that comes in one piece is not copied; memory is touched as bytes arrive. */
class SizedSink {
  readonly #length: number;
  readonly #pad: number;
  #only: Buffer | undefined;
  #target: Buffer | undefined;
  #at = 0;

  constructor(length: number, headerLength: number) {
    this.#length = length;
    this.#pad = (ALIGNMENT - (headerLength % ALIGNMENT)) % ALIGNMENT;
  }

  take(chunk: Buffer): boolean {
    if (chunk.byteLength === this.#length) {
      this.#only = chunk;
      return true;
    }
    this.#target ??= Buffer.allocUnsafeSlow(this.#length + this.#pad).subarray(this.#pad);
    this.#at += chunk.copy(this.#target, this.#at);
    return true;
  }

  bytes(): Buffer {
    return this.#only ?? this.#target?.subarray(0, this.#at) ?? Buffer.alloc(0);
  }
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

const tooLarge = (limit: number) =>
  new InferenceError(413, `the body is larger than ${limit} bytes`, { reason: 'REJECTED' });
