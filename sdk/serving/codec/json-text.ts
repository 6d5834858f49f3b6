/** JSON of requests. */
import { isUtf8 } from 'node:buffer';
import { InferenceError } from '../errors.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Lists in the JSON of one request: a Full-HD frame as the original's workers send it has one for each pixel. Two million take some 330 MB. */
export const MAX_LISTS = 2.25 * 1024 * 1024;

/**
 * What the JSON of one request may hold, by the byte that begins, ends or parts it. Two bytes may become an object of sixty, so that the
 * limit of its bytes does not bound what parsing takes. A batch of images as nested lists is far from all of them.
 */
const PARTS = [
  { what: 'lists', byte: 0x5b, most: MAX_LISTS },
  { what: 'objects', byte: 0x7b, most: 64 * 1024 },
  { what: 'names in objects', byte: 0x3a, most: 64 * 1024 },
  { what: 'texts', byte: QUOTE, most: 1024 * 1024 },
] as const;
const VALUES = { what: 'values', byte: 0x2c, most: 16 * 1024 * 1024 } as const;
const FEWEST = 64 * 1024;

/**
 * Refuses with 400 what is not JSON in UTF-8 (instead of replacing characters), with 413 what would take far more memory than it has
 * bytes.
 */
export function parseJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw new InferenceError(400, 'the body is not UTF-8');
  if (mayHaveTooMuch(bytes)) checkParts(bytes);
  try {
    return JSON.parse(bytes.toString()) as unknown;
  } catch (error) {
    throw new InferenceError(400, `the body is not JSON: ${(error as Error).message.slice(0, 200)}`);
  }
}

/** Looks into texts as well and does not count values: a tenth of the time of counting. */
function mayHaveTooMuch(bytes: Buffer): boolean {
  if (bytes.length <= FEWEST) return false;
  return bytes.length > 2 * VALUES.most || PARTS.some(({ byte, most }) => occursMoreThan(bytes, byte, most));
}

function occursMoreThan(bytes: Buffer, byte: number, most: number): boolean {
  let count = 0;
  for (let at = bytes.indexOf(byte); at >= 0; at = bytes.indexOf(byte, at + 1)) if (++count > most) return true;
  return false;
}

/** Counts what is outside of texts. Of what is not JSON the counts say nothing, but then the parser refuses it. */
function checkParts(bytes: Buffer): void {
  const counts = new Uint32Array(256);
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    counts[byte] = (counts[byte] as number) + 1;
    if (byte === QUOTE) at = endOfText(bytes, at + 1);
  }
  for (const { what, byte, most } of [...PARTS, VALUES]) {
    if ((counts[byte] as number) <= most) continue;
    const problem = `the JSON has more than ${most} ${what}; send tensors in binary, or fewer at a time`;
    throw new InferenceError(413, problem, { reason: 'REJECTED' });
  }
}

/** Where the quote is that ends a text. */
function endOfText(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at;
}
