/** Large enough that asking for the next one costs little, small enough for a cache. */
const chunkBytes = 2 ** 20;

let spare: Buffer<ArrayBuffer> | undefined;

/**
 * Memory for reading a file chunk by chunk, for the time of `use`. One is kept for the next file: memory outside of V8's heap makes it
 * collect garbage, and new pages are filled with zeros first.
 */
export async function* withChunkBuffer<T>(use: (buffer: Buffer<ArrayBuffer>) => AsyncGenerator<T>): AsyncGenerator<T> {
  const buffer = spare ?? Buffer.allocUnsafeSlow(chunkBytes);
  spare = undefined;
  try {
    yield* use(buffer);
  } finally {
    spare = buffer;
  }
}

/** What is left of buffers after their first bytes. */
export function behind<B extends Uint8Array>(buffers: readonly B[], bytes: number): Uint8Array[] {
  let done = bytes;
  const rest: Uint8Array[] = [];
  for (const buffer of buffers) {
    const skipped = Math.min(done, buffer.byteLength);
    done -= skipped;
    if (skipped < buffer.byteLength) rest.push(skipped === 0 ? buffer : buffer.subarray(skipped));
  }
  return rest;
}
