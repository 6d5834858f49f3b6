import { isUtf8 } from 'node:buffer';

/** Longest sample, in bytes. A longer one is refused instead of growing without bound. */
export const MAX_RECORD_BYTES = 8 << 20;

const RETURN = 13;
const QUOTE = 34;

/** What every reader of a dataset says of a record that is none, so that node and worker agree. */
export const problems = {
  tooLong: `a record is longer than ${MAX_RECORD_BYTES >> 20} MiB`,
  notText: 'is not UTF-8 text',
  nul: 'holds a NUL character; the file was damaged, or is not text',
  openQuote: 'a quote is opened and never closed',
  loneReturn: 'holds a carriage return that ends no line; end lines with LF or CRLF',
} as const;

/** Why the bytes of one record cannot be a sample; undefined when they can. CSV cells are not judged here. */
export function recordProblem(record: Buffer, format: string): string | undefined {
  if (record.length > MAX_RECORD_BYTES) return problems.tooLong;
  if (!isUtf8(record)) return problems.notText;
  if (record.includes(0)) return problems.nul;
  if (format === 'json') return jsonProblem(record.toString('utf8'));
  return hasLoneReturn(record, format) ? problems.loneReturn : undefined;
}

/**
 * Whether lines end with a carriage return alone, as they once did: all of them would be taken for one. In a CSV record a
 * quote in front of it may be open, which only the reader of cells knows.
 */
function hasLoneReturn(record: Buffer, format: string): boolean {
  for (let at = record.indexOf(RETURN); at >= 0 && at < record.length - 1; at = record.indexOf(RETURN, at + 1)) {
    if (record[at + 1] !== RETURN) return format !== 'csv' || !record.subarray(0, at).includes(QUOTE);
  }
  return false;
}

/** Why a text is no JSON value; undefined when it is one. */
export function jsonProblem(text: string): string | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return `is not JSON: ${(error as Error).message}`;
  }
}

/**
 * Whether a JSON file is one array of samples, judged by its beginning, which must reach into its second line. Lines that
 * are arrays themselves start with a bracket too: then the first line is a value of its own and others follow.
 */
export function isOneArray(head: string): boolean {
  const text = head.replace(/^\uFEFF/, '');
  if (!text.trimStart().startsWith('[')) return false;
  const end = text.indexOf('\n');
  if (end < 0 || text.slice(end).trim() === '') return true;
  return jsonProblem(text.slice(0, end)) !== undefined;
}
