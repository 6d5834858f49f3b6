import { createHash } from 'node:crypto';
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

export function digestBytes(content: string | Uint8Array): Digest {
  return { sha256: createHash('sha256').update(content).digest('hex'), bytes: Buffer.byteLength(content) };
}
