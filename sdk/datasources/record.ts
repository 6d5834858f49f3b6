import { isUtf8 } from 'node:buffer';

/** Longest sample, in bytes. A longer one is refused instead of growing without bound. */
export const MAX_RECORD_BYTES = 8 << 20;

/** What every reader of a dataset says of a record that is none, so that node and worker agree. */
export const problems = {
  tooLong: `a record is longer than ${MAX_RECORD_BYTES >> 20} MiB`,
  notText: 'is not UTF-8 text',
  nul: 'holds a NUL character; the file was damaged, or is not text',
  openQuote: 'a quote is opened and never closed',
} as const;

/** Why the bytes of one record cannot be a sample; undefined when they can. CSV cells are not judged here. */
export function recordProblem(record: Buffer, format: string): string | undefined {
  if (record.length > MAX_RECORD_BYTES) return problems.tooLong;
  if (!isUtf8(record)) return problems.notText;
  if (record.includes(0)) return problems.nul;
  return format === 'json' ? jsonProblem(record.toString('utf8')) : undefined;
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
