/**
 * Counts the records of a growing index file in O(new bytes) and tells what was seen before from what is new.
 * A running SHA-256 over the records makes a count self-verifying: whoever remembers {n, digest} can be told later whether the
 * first n records are still the same, whatever happened to the file in between (appended, rewritten with the same beginning,
 * truncated, replaced).
 */
import { isUtf8 } from 'node:buffer';
import { stat, type FileHandle } from 'node:fs/promises';
import type { DatasetSource } from '../../contracts.ts';
import { isOneArray, MAX_RECORD_BYTES, problems, recordProblem } from '../../../sdk/datasources/record.ts';
import { openRegularFile } from '../../../sdk/storage/index.ts';
import { fileBeginning } from './file-beginning.ts';
import { eachRecord } from './first-records.ts';
import { nodePath } from './node-path.ts';
import { RecordLog } from './record-log.ts';
import { arrayRecords, isBlank, lineSplitter, withoutByteOrderMark, type Splitter } from './records.ts';

/**
 * A last line without line end counts as a sample once the file has rested for so long. Long enough for a writer that was killed
 * in the middle of a line and started again.
 */
export const settleMs = 10_000;
/** Bytes before the read position that are compared again, to notice a file that was rewritten in place. */
const overlapBytes = 256;
const chunkBytes = 1 << 20;
/** Larger arrays are refused: they cannot be read piecewise. One value a line has no such limit. */
const maxArrayBytes = 256 << 20;
export class DatasetIndex {
  readonly file: string;
  readonly #format: string;
  #records: RecordLog = new RecordLog();
  #header: Buffer | undefined;
  #splitter: Splitter | undefined;
  #inode = -1;
  #position = 0;
  #modified = -1;
  #overlap: Buffer = Buffer.alloc(0);
  /** Nothing has been accepted since the beginning of the file: a byte order mark may come. */
  #fresh = true;
  /** Of the next record, from 1. */
  #line = 1;
  /** The last record that was counted had no line end. */
  #openEnd = false;
  /** Since when the file has been as it is, by the monotonic clock. */
  #seen: { size: number; mtimeMs: number; ino: number; at: number } | undefined;
  readonly #settleMs: number;
  /** The file as it was when all of it had been counted. */
  #counted: (FileState & { ctimeMs: number }) | undefined;
  /** What was wrong with the file as it is now; it is not read again until it changes. */
  #broken: { ino: number; size: number; mtimeMs: number; error: unknown } | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  /** `settleMs` 0: a last line without line end counts at once, for those who know how many records they want. */
  constructor(source: DatasetSource, options: { settleMs?: number } = {}) {
    this.#settleMs = options.settleMs ?? settleMs;
    this.file = nodePath('spec.url of the Dataset', source.url);
    this.#format = source.format.toLowerCase();
  }

  /** Samples counted so far. */
  get count(): number {
    return this.#records.count;
  }

  /** The last of them had no line end: it may turn out to be longer. */
  get openEnd(): boolean {
    return this.#openEnd;
  }

  /** The last line has no line end yet: it is counted once the file has rested. */
  get unsettled(): boolean {
    return this.#hasRest();
  }

  /** Milliseconds until the file, if nobody changes it, has rested for so long that it will stay as it is; 0: it has. */
  get restsInMs(): number {
    if (this.#seen === undefined) return this.#settleMs;
    const restedMs = Math.max(Date.now() - this.#seen.mtimeMs, performance.now() - this.#seen.at);
    return Math.max(0, this.#settleMs - restedMs);
  }

  /** Header line of a CSV file. */
  get header(): string | undefined {
    return this.#header?.toString('utf8');
  }

  /** Whether the samples are the elements of one JSON array. */
  #isArray = false;
  get isArray(): boolean {
    return this.#isArray;
  }

  /** Reads what is new. Resolves to whether anything changed; rejects with what is wrong with the file. */
  async refresh(): Promise<boolean> {
    return this.#serial(() => this.#refresh());
  }

  /** Trusts nothing that was read: the next refresh reads the whole file. */
  async forget(): Promise<void> {
    await this.#serial(async () => {
      this.#splitter = undefined;
      this.#modified = -1;
      this.#counted = undefined;
    });
  }

  /**
   * Digest over the first n records, undefined when there are fewer. O(1) for counts that were asked for lately, else one pass over the
   * file: who comes back with an old cursor at every change causes one.
   */
  async digestAt(n: number): Promise<string | undefined> {
    if (n > this.count) return undefined;
    const known = this.#records.digestAt(n);
    if (known !== undefined) return known;
    return this.#serial(async () => {
      const log = new RecordLog();
      await eachRecord({ file: this.file, format: this.#format, n }, (record) => log.add(record));
      const digest = log.count === n ? log.digestAt(n) : undefined;
      if (digest !== undefined) this.#records.remember(n, digest);
      return digest;
    });
  }

  /** Records [from, to) as text, in order. Rejects when the file has fewer. */
  async range(from: number, to: number): Promise<string[]> {
    return this.#serial(async () => {
      const found: string[] = [];
      let count = 0;
      await eachRecord({ file: this.file, format: this.#format, n: to }, (record, i) => {
        count = i + 1;
        if (i >= from) found.push(record.toString('utf8'));
      });
      if (count < to) throw new Error(`${this.file} has ${count} samples, ${to} are needed`);
      return found;
    });
  }

  // Reading is a sequence of steps on shared positions: one at a time.
  #serial<T>(act: () => Promise<T>): Promise<T> {
    const next = this.#queue.then(act, act);
    this.#queue = next.catch(() => undefined);
    return next;
  }

  async #refresh(): Promise<boolean> {
    if (await this.#isUntouched()) return false;
    this.#counted = undefined;
    const before = { count: this.count, digest: this.#records.digestAt(this.count) };
    const handle = await openRegularFile(this.file);
    try {
      const { ino, size, mtimeMs, ctimeMs } = await handle.stat();
      const settled = this.#rests({ ino, size, mtimeMs });
      const unchanged = ino === this.#inode && size === this.#position && mtimeMs === this.#modified;
      if (!unchanged || (settled && this.#hasRest())) {
        await this.#readOnce(handle, { ino, size, mtimeMs }, settled);
        this.#inode = ino;
        this.#modified = mtimeMs;
      }
      if (!this.#hasRest()) this.#counted = { ino, size, mtimeMs, ctimeMs };
    } finally {
      await handle.close();
    }
    return this.count !== before.count || this.#records.digestAt(this.count) !== before.digest;
  }

  /** Nobody has written, moved or forbidden it since: told by one look, without opening it. */
  async #isUntouched(): Promise<boolean> {
    if (this.#counted === undefined) return false;
    const { ino, size, mtimeMs, ctimeMs } = await stat(this.file);
    const { ino: i, size: s, mtimeMs: m, ctimeMs: c } = this.#counted;
    return ino === i && size === s && mtimeMs === m && ctimeMs === c;
  }

  /** Unchanged for long enough: by its own time, or by what was seen of it when the clock was set back since. */
  #rests(now: { size: number; mtimeMs: number; ino: number }): boolean {
    const { size, mtimeMs, ino } = this.#seen ?? {};
    if (size !== now.size || mtimeMs !== now.mtimeMs || ino !== now.ino) this.#seen = { ...now, at: performance.now() };
    return this.restsInMs === 0;
  }

  async #readOnce(handle: FileHandle, now: FileState, settled: boolean): Promise<void> {
    const { ino, size, mtimeMs, error: known } = this.#broken ?? {};
    if (ino === now.ino && size === now.size && mtimeMs === now.mtimeMs) throw known;
    this.#isArray = this.#format === 'json' && isOneArray(await fileBeginning(handle));
    try {
      if (this.#isArray) await this.#readArray(handle, now.size);
      else await this.#readLines(handle, now);
      if (settled) this.#countRest();
      this.#broken = undefined;
    } catch (error) {
      this.#broken = { ...now, error };
      // Lines are read again from the beginning: nobody knows how far the broken reading came.
      if (!this.#isArray) this.#splitter = undefined;
      throw error;
    }
  }

  #hasRest(): boolean {
    return (this.#splitter?.rest.length ?? 0) > 0;
  }

  async #readLines(handle: FileHandle, now: { ino: number; size: number; mtimeMs: number }): Promise<void> {
    if (!(await this.#isAppended(handle, now))) this.#restart();
    const splitter = (this.#splitter ??= lineSplitter(this.#format === 'csv'));
    const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, Math.max(1, now.size - this.#position)));
    while (this.#position < now.size) {
      const { bytesRead } = await handle.read(
        buffer,
        0,
        Math.min(buffer.length, now.size - this.#position),
        this.#position,
      );
      if (bytesRead === 0) break;
      const chunk = buffer.subarray(0, bytesRead);
      for (const record of splitter.push(chunk)) this.#accept(record);
      if (splitter.pending > MAX_RECORD_BYTES) throw this.#refused(problems.tooLong);
      this.#position += bytesRead;
      this.#overlap = Buffer.concat([this.#overlap, chunk]).subarray(-overlapBytes);
    }
  }

  async #isAppended(handle: FileHandle, now: { ino: number; size: number; mtimeMs: number }): Promise<boolean> {
    if (now.ino !== this.#inode || now.size < this.#position || this.#splitter === undefined) return false;
    // Same size but written again: only reading tells.
    if (now.size === this.#position && now.mtimeMs !== this.#modified) return false;
    const window = Buffer.alloc(this.#overlap.length);
    await handle.read(window, 0, window.length, this.#position - window.length);
    return window.equals(this.#overlap);
  }

  #restart(): void {
    this.#records = new RecordLog();
    this.#header = undefined;
    this.#splitter = undefined;
    this.#position = 0;
    this.#overlap = Buffer.alloc(0);
    this.#fresh = true;
    this.#line = 1;
    this.#openEnd = false;
  }

  async #readArray(handle: FileHandle, size: number): Promise<void> {
    if (size > maxArrayBytes)
      throw new Error(`a JSON array over ${maxArrayBytes >> 20} MiB: write one JSON value a line instead`);
    const bytes = await handle.readFile();
    if (!isUtf8(bytes)) throw new Error(problems.notText);
    const text = bytes.toString('utf8');
    // An array that is being written is no array yet: the last good count stays until it is complete.
    const records = arrayRecords(text.replace(/^\uFEFF/, ''));
    this.#restart();
    for (const record of records) this.#records.add(record);
    this.#position = size;
  }

  #accept(record: Buffer): void {
    const clean = this.#fresh ? withoutByteOrderMark(record) : record;
    this.#fresh = false;
    if (!isBlank(clean, this.#format)) {
      const problem = recordProblem(clean, this.#format);
      if (problem !== undefined) throw this.#refused(problem);
      if (this.#format === 'csv' && this.#header === undefined) this.#header = Buffer.from(clean);
      else this.#records.add(clean);
    }
    this.#line += 1;
    if (this.#format !== 'csv') return;
    for (let at = record.indexOf(10); at >= 0; at = record.indexOf(10, at + 1)) this.#line += 1;
  }

  /** Names the line, as the readers of the SDK do. */
  #refused(problem: string): Error {
    return new Error(`${this.file}:${this.#line}: ${problem}`);
  }

  /** The file rests: a last line without line end is a sample. If it goes on growing, everything is counted anew. */
  #countRest(): void {
    const rest = this.#splitter?.rest ?? Buffer.alloc(0);
    if ((this.#fresh ? withoutByteOrderMark(rest) : rest).length === 0) return;
    if (this.#splitter?.open === true) throw this.#refused(problems.openQuote);
    // Known for good: the digest of what comes before, by which a completed last line is told from a replaced file.
    this.#records.digestAt(this.count);
    this.#accept(rest);
    this.#openEnd = true;
    this.#splitter = undefined;
  }
}

interface FileState {
  ino: number;
  size: number;
  mtimeMs: number;
}
