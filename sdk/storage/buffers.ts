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
