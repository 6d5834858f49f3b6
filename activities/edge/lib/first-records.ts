/** Reads the first records of an index file as it is now. What comes behind them is not looked at: it may be half written. */
import { MAX_RECORD_BYTES, isOneArray, problems } from '../../../sdk/datasources/record.ts';
import { openRegularFile } from '../../../sdk/storage/index.ts';
import { fileBeginning } from './file-beginning.ts';
import { arrayRecords, isBlank, lineSplitter, withoutByteOrderMark } from './records.ts';

const chunkBytes = 1 << 20;

export interface FileForm {
  /** The samples are the elements of one JSON array. */
  isArray: boolean;
  /** Header line of a CSV file. */
  header?: string;
}

/**
 * Calls `visit` with each of the first `n` records (fewer if there are no more) and their numbers from 0. Rejects with what hinders
 * reading; whether the records are samples is for the caller to judge.
 */
export async function eachRecord(
  { file, format, n }: { file: string; format: string; n: number },
  visit: (record: Buffer, i: number) => void,
): Promise<FileForm> {
  const handle = await openRegularFile(file);
  try {
    if (format === 'json' && isOneArray(await fileBeginning(handle))) {
      const text = (await handle.readFile('utf8')).replace(/^\uFEFF/, '');
      arrayRecords(text).slice(0, n).forEach(visit);
      return { isArray: true };
    }
    const reading = new Reading(format, n, visit);
    const chunks = handle.createReadStream({ autoClose: false, start: 0, highWaterMark: chunkBytes });
    for await (const chunk of chunks as AsyncIterable<Buffer>) if (reading.take(chunk)) break;
    reading.end();
    return { isArray: false, ...(reading.header === undefined ? {} : { header: reading.header }) };
  } catch (error) {
    const { message } = error as Error;
    throw message.includes(file) ? error : new Error(`${file}: ${message}`, { cause: error });
  } finally {
    await handle.close();
  }
}

class Reading {
  header: string | undefined;
  readonly #format: string;
  readonly #n: number;
  readonly #visit: (record: Buffer, i: number) => void;
  readonly #splitter;
  #given = 0;
  #first = true;

  constructor(format: string, n: number, visit: (record: Buffer, i: number) => void) {
    this.#format = format;
    this.#n = n;
    this.#visit = visit;
    this.#splitter = lineSplitter(format === 'csv');
  }

  /** Whether that is all that is wanted. */
  take(chunk: Buffer): boolean {
    for (const record of this.#splitter.push(chunk)) {
      if (this.#isDone) return true;
      this.#give(record);
    }
    if (this.#isDone) return true;
    if (this.#splitter.pending > MAX_RECORD_BYTES) throw new Error(problems.tooLong);
    return false;
  }

  /** A last record without line end is one, if it is still wanted. */
  end(): void {
    const { rest } = this.#splitter;
    if (!this.#isDone && (this.#first ? withoutByteOrderMark(rest) : rest).length > 0) this.#give(rest);
  }

  get #isDone(): boolean {
    return this.#given >= this.#n && (this.#format !== 'csv' || this.header !== undefined);
  }

  #give(record: Buffer): void {
    const clean = this.#first ? withoutByteOrderMark(record) : record;
    this.#first = false;
    if (isBlank(clean, this.#format)) return;
    if (this.#format === 'csv' && this.header === undefined) this.header = clean.toString('utf8');
    else this.#visit(clean, this.#given++);
  }
}
