/** Larger than any answer to one request should be: what a server that has gone mad sends must not fill the memory of its client. */
export const longestAnswer = 256 << 20;

/** The body of an answer. Rejects where it is longer than `limit` bytes, or is cut off, with a message for people. */
export async function answerBody(response: Response, limit = longestAnswer): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      length += chunk.byteLength;
      // Whoever leaves the loop cancels the rest.
      if (length > limit) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw new Error(`the answer was cut off: ${(error as Error).message}`, { cause: error });
  }
  if (length > limit) throw new Error(`the answer is longer than ${limit} bytes`);
  return Buffer.concat(chunks);
}
