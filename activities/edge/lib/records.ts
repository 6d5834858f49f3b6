/** Cuts a growing index file into records (samples), format by format. Pure: bytes in, records out. */

/** Longest record; a longer one is refused instead of growing without bound. */
export const maxRecordBytes = 8 << 20;

export interface Splitter {
  /** Complete records in these further bytes. */
  push(chunk: Buffer): Buffer[];
  /** The unfinished rest: a record that nobody has terminated yet. */
  readonly rest: Buffer;
}

const newline = 0x0a;
const carriageReturn = 0x0d;
const quote = 0x22;

/** Splits at line ends (LF or CRLF). With `quoted`, a line end inside double quotes belongs to the record (CSV). */
export function lineSplitter(quoted: boolean): Splitter {
  let parts: Buffer[] = [];
  let pending = 0;
  let inside = false;

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
        const byte = chunk[i];
        if (quoted && byte === quote) inside = !inside;
        if (byte !== newline || inside) continue;
        records.push(take(chunk.subarray(start, i)));
        start = i + 1;
      }
      if (start < chunk.length) {
        parts.push(Buffer.from(chunk.subarray(start)));
        pending += chunk.length - start;
      }
      if (pending > maxRecordBytes) throw new Error(`a record is longer than ${maxRecordBytes >> 20} MiB`);
      return records;
    },
    get rest() {
      return Buffer.concat(parts);
    },
  };
}

/** Elements of a JSON array, each as compact JSON. Throws what is wrong and where. */
export function arrayRecords(text: string): Buffer[] {
  const value: unknown = JSON.parse(text);
  if (!Array.isArray(value)) throw new Error('expected a JSON array of samples, or one JSON value a line');
  return value.map((element) => Buffer.from(JSON.stringify(element)));
}
