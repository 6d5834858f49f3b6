/** Cuts a growing index file into records (samples), format by format. Pure: bytes in, records out. */
import { jsonProblem } from '../../../sdk/datasources/record.ts';

export interface Splitter {
  /** Complete records in these further bytes. */
  push(chunk: Buffer): Buffer[];
  /** The unfinished rest: a record that nobody has terminated yet. */
  readonly rest: Buffer;
  /** Bytes of the rest. */
  readonly pending: number;
  /** The rest is inside a quoted cell. */
  readonly open: boolean;
}

const newline = 0x0a;
const carriageReturn = 0x0d;
const quote = 0x22;

const delimiters = new Set([0x2c, 0x3b, 0x09, 0x7c]);
const byteOrderMark = [0xef, 0xbb, 0xbf];

/**
 * Splits at line ends (LF or CRLF). With `quoted`, a line end inside double quotes belongs to the record (CSV): quotes open
 * at the beginning of a cell only, as for the readers of the SDK. The delimiter is the worker's choice, so any common one counts.
 */
export function lineSplitter(quoted: boolean): Splitter {
  let parts: Buffer[] = [];
  let pending = 0;
  const quotes = quoteTracker();

  const take = (last: Buffer): Buffer => {
    const whole = parts.length === 0 ? last : Buffer.concat([...parts, last]);
    parts = [];
    pending = 0;
    return whole.at(-1) === carriageReturn ? whole.subarray(0, -1) : whole;
  };

  return {
    push(chunk) {
      const records: Buffer[] = [];
      let start = 0;
      for (let i = 0; i < chunk.length; i++) {
        const byte = chunk[i] ?? 0;
        if (quoted) quotes.see(byte);
        if (byte !== newline || quotes.inside) continue;
        records.push(take(chunk.subarray(start, i)));
        start = i + 1;
      }
      if (start < chunk.length) {
        parts.push(Buffer.from(chunk.subarray(start)));
        pending += chunk.length - start;
      }
      return records;
    },
    get rest() {
      return Buffer.concat(parts);
    },
    get pending() {
      return pending;
    },
    get open() {
      return quotes.inside;
    },
  };
}

function quoteTracker() {
  let [inside, closed, cellStart, seen] = [false, false, true, 0];
  return {
    get inside() {
      return inside;
    },
    see(byte: number): void {
      const mark = seen < byteOrderMark.length && byte === byteOrderMark[seen];
      seen += 1;
      if (mark) return;
      if (byte === quote) {
        // A quote right after the closing one is a doubled quote: it goes on inside.
        [inside, closed] = inside ? [false, true] : [cellStart || closed, false];
        cellStart = false;
      } else if (!inside) {
        closed = false;
        cellStart = byte === newline || delimiters.has(byte);
      }
    },
  };
}

/** Elements of a JSON array, each as compact JSON. Throws what is wrong and where. */
export function arrayRecords(text: string): Buffer[] {
  const problem = jsonProblem(text);
  if (problem !== undefined) throw new Error(problem);
  const value: unknown = JSON.parse(text);
  if (!Array.isArray(value)) throw new Error('expected a JSON array of samples, or one JSON value a line');
  return value.map((element) => Buffer.from(JSON.stringify(element)));
}

/** Lines that are no samples. In a txt file every line is one, as in the original. */
export function isBlank(record: Buffer, format: string): boolean {
  if (format === 'csv') return record.length === 0;
  return format === 'json' && record.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}

export function withoutByteOrderMark(record: Buffer): Buffer {
  return byteOrderMark.every((byte, i) => record[i] === byte) ? record.subarray(byteOrderMark.length) : record;
}
