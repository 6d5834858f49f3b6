import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { MAX_RECORD_BYTES, problems, recordProblem } from './record.ts';

export interface LineIndexOptions {
  /** Bytes between two remembered positions; memory is about 16 bytes for each. Default 64 KiB. */
  stride?: number;
}

/** Where a line starts that is the first one behind a multiple of the stride. */
interface Mark {
  line: number;
  offset: number;
}

const NEWLINE = 10;

/**
 * Random access to the lines of an index file that is larger than memory: one pass finds the start of a line every 64 KiB or so, and a
 * line is then read from the mark before it. A terabyte of index takes about 256 MiB; empty lines are lines too, only a
 * newline at the very end starts none. A byte-order mark is no part of the first line.
 */
export class LineIndex {
  readonly count: number;
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #marks: readonly Mark[];
  readonly #bytes: number;

  private constructor(
    path: string,
    file: FileHandle,
    marks: readonly Mark[],
    { count, bytes }: { count: number; bytes: number },
  ) {
    this.#path = path;
    this.#file = file;
    this.#marks = marks;
    this.count = count;
    this.#bytes = bytes;
  }

  /** Reads the file once. Lines that are added later are not seen. Refuses a line that is longer than any record. The caller closes it. */
  static async open(path: string, { stride = 64 * 1024 }: LineIndexOptions = {}): Promise<LineIndex> {
    const file = await open(path);
    try {
      return new LineIndex(path, file, ...(await scan(file, { path, stride })));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * The lines with these numbers (from 0), in this order, without their line ends. Throws, with the file and the line from 1,
   * when one is no text, and when the file has become shorter than it was.
   */
  async lines(numbers: readonly number[]): Promise<string[]> {
    const wanted = [...new Set(numbers)].sort((a, b) => a - b);
    const found = new Map<number, string>();
    for (let i = 0; i < wanted.length;) {
      const mark = this.#markOf(wanted[i] ?? 0);
      const block: number[] = [];
      while (i < wanted.length && this.#markOf(wanted[i] ?? 0) === mark) block.push(wanted[i++] ?? 0);
      const texts = await this.#block(mark);
      for (const line of block) {
        const record = texts[line - (this.#marks[mark]?.line ?? 0)] ?? Buffer.alloc(0);
        const problem = recordProblem(record, 'txt');
        if (problem !== undefined) throw new Error(`${this.#path}:${line + 1}: ${problem}`);
        found.set(line, textOf(record, line));
      }
    }
    return numbers.map((line) => found.get(line) ?? '');
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** Position of the last mark at or before the line. */
  #markOf(line: number): number {
    if (!Number.isInteger(line) || line < 0 || line >= this.count) {
      throw new Error(`line ${line} is not in the index, which has ${this.count}`);
    }
    let [low, high] = [0, this.#marks.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#marks[middle]?.line ?? 0) <= line) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The bytes of all lines from this mark up to the next. */
  async #block(mark: number): Promise<Buffer[]> {
    const start = this.#marks[mark]?.offset ?? 0;
    const end = this.#marks[mark + 1]?.offset ?? this.#bytes;
    const bytes = Buffer.alloc(end - start);
    const { bytesRead } = await this.#file.read(bytes, 0, bytes.length, start);
    if (bytesRead < bytes.length) {
      throw new Error(
        `${this.#path} is shorter than the ${this.#bytes} bytes that it had when it was opened: open it again`,
      );
    }
    return splitLines(bytes);
  }
}

function splitLines(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let start = 0;
  for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return [...lines, bytes.subarray(start)];
}

/** Without carriage return, the first one without byte-order mark. */
function textOf(record: Buffer, line: number): string {
  const text = record.toString('utf8').replace(/\r$/, '');
  return line === 0 ? text.replace(/^\uFEFF/, '') : text;
}

async function scan(
  file: FileHandle,
  { path, stride }: { path: string; stride: number },
): Promise<[Mark[], { count: number; bytes: number }]> {
  const marks: Mark[] = [{ line: 0, offset: 0 }];
  const chunk = Buffer.alloc(1024 * 1024);
  let [lines, offset, next, last, start] = [0, 0, stride, NEWLINE, 0];
  const checkLength = (end: number) => {
    if (end - start > MAX_RECORD_BYTES) throw new Error(`${path}:${lines + 1}: ${problems.tooLong}`);
  };
  for (;;) {
    const { bytesRead } = await file.read(chunk, 0, chunk.length, offset);
    if (bytesRead === 0) break;
    const bytes = chunk.subarray(0, bytesRead);
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) {
      checkLength(offset + at);
      lines++;
      start = offset + at + 1;
      if (offset + at + 1 < next) continue;
      marks.push({ line: lines, offset: offset + at + 1 });
      next = offset + at + 1 + stride;
    }
    last = bytes[bytesRead - 1] ?? NEWLINE;
    offset += bytesRead;
    checkLength(offset);
  }
  return [marks, { count: last === NEWLINE ? lines : lines + 1, bytes: offset }];
}
