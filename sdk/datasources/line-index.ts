import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

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
 * newline at the very end starts none.
 */
export class LineIndex {
  readonly count: number;
  readonly #file: FileHandle;
  readonly #marks: readonly Mark[];
  readonly #bytes: number;

  private constructor(file: FileHandle, marks: readonly Mark[], { count, bytes }: { count: number; bytes: number }) {
    this.#file = file;
    this.#marks = marks;
    this.count = count;
    this.#bytes = bytes;
  }

  /** Reads the file once. Lines that are added later are not seen. The caller closes it. */
  static async open(path: string, { stride = 64 * 1024 }: LineIndexOptions = {}): Promise<LineIndex> {
    const file = await open(path);
    try {
      return new LineIndex(file, ...(await scan(file, stride)));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** The lines with these numbers (from 0), in this order, without their line ends. */
  async lines(numbers: readonly number[]): Promise<string[]> {
    const wanted = [...new Set(numbers)].sort((a, b) => a - b);
    const found = new Map<number, string>();
    for (let i = 0; i < wanted.length;) {
      const mark = this.#markOf(wanted[i] ?? 0);
      const block: number[] = [];
      while (i < wanted.length && this.#markOf(wanted[i] ?? 0) === mark) block.push(wanted[i++] ?? 0);
      const texts = await this.#block(mark);
      for (const line of block) found.set(line, texts[line - (this.#marks[mark]?.line ?? 0)] ?? '');
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

  /** All lines from this mark up to the next. */
  async #block(mark: number): Promise<string[]> {
    const start = this.#marks[mark]?.offset ?? 0;
    const end = this.#marks[mark + 1]?.offset ?? this.#bytes;
    const bytes = Buffer.alloc(end - start);
    await this.#file.read(bytes, 0, bytes.length, start);
    return bytes
      .toString('utf8')
      .split('\n')
      .map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
  }
}

async function scan(file: FileHandle, stride: number): Promise<[Mark[], { count: number; bytes: number }]> {
  const marks: Mark[] = [{ line: 0, offset: 0 }];
  const chunk = Buffer.alloc(1024 * 1024);
  let [lines, offset, next, last] = [0, 0, stride, NEWLINE];
  for (;;) {
    const { bytesRead } = await file.read(chunk, 0, chunk.length, offset);
    if (bytesRead === 0) break;
    const bytes = chunk.subarray(0, bytesRead);
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) {
      lines++;
      if (offset + at + 1 < next) continue;
      marks.push({ line: lines, offset: offset + at + 1 });
      next = offset + at + 1 + stride;
    }
    last = bytes[bytesRead - 1] ?? NEWLINE;
    offset += bytesRead;
  }
  return [marks, { count: last === NEWLINE ? lines : lines + 1, bytes: offset }];
}
