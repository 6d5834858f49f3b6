import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { chunksOf } from './files.ts';

/** SHA-256 in lower-case hex and size in bytes. */
export interface Digest {
  sha256: string;
  bytes: number;
}

/** Hashes what flows through `chunks` without holding it, each as long as `source` lets it be; `result()` is valid once all of it was read. */
export function digesting(source: AsyncIterable<string | Uint8Array>) {
  const hash = createHash('sha256');
  let bytes = 0;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      const part = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      hash.update(part);
      bytes += part.byteLength;
      yield part;
    }
  }
  return { chunks: chunks(), result: (): Digest => ({ sha256: hash.digest('hex'), bytes }) };
}

/** Digest of a whole file, streamed. */
export async function digestFile(file: string): Promise<Digest> {
  const { chunks, result } = digesting(chunksOf(file));
  for await (const _chunk of chunks);
  return result();
}

/** As many bytes at once as stay in the cache of a core. */
const syncBytes = 256 * 1024;
let syncBuffer: Buffer | undefined;

/** Digest of a whole regular file, for threads that have nothing else to do. */
export function digestFileSync(file: string): Digest {
  const buffer = (syncBuffer ??= Buffer.allocUnsafeSlow(syncBytes));
  // A pipe would wait for its writer.
  const fd = openSync(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    if (!fstatSync(fd).isFile()) throw new Error(`${file} is not a file`);
    const hash = createHash('sha256');
    let bytes = 0;
    for (let read = -1; read !== 0; bytes += read) {
      read = readSync(fd, buffer, 0, buffer.length, null);
      hash.update(buffer.subarray(0, read));
    }
    return { sha256: hash.digest('hex'), bytes };
  } finally {
    closeSync(fd);
  }
}

export function digestBytes(content: string | Uint8Array): Digest {
  return { sha256: createHash('sha256').update(content).digest('hex'), bytes: Buffer.byteLength(content) };
}
