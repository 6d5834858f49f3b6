import { isUtf8 } from 'node:buffer';
import { localPath, openRegularFile } from '../storage/index.ts';
import { MAX_RECORD_BYTES, problems, recordProblem } from './record.ts';

/**
 * Whole text of a local file, without a byte-order mark. Names the file, and the line where there is one, when it cannot be
 * read, is not UTF-8, holds NUL or a record that is too long.
 */
export async function readText(location: string, format: 'txt' | 'csv' | 'json'): Promise<string> {
  const content = await readBytes(location);
  if (!isUtf8(content) || content.includes(0)) throw badLine(location, content, format);
  return content.toString('utf8').replace(/^\uFEFF/, '');
}

/** Refuses a text of one record a line when a line is longer than any record. */
export function checkLines(location: string, text: string): void {
  let start = 0;
  for (let line = 1; start <= text.length; line++) {
    const end = text.indexOf('\n', start);
    const length = (end < 0 ? text.length : end) - start;
    // A character has one to three bytes here; only long lines are measured.
    if (length * 3 > MAX_RECORD_BYTES && Buffer.byteLength(text.slice(start, start + length)) > MAX_RECORD_BYTES) {
      throw new Error(`${location}:${line}: ${problems.tooLong}`);
    }
    if (end < 0) return;
    start = end + 1;
  }
}

async function readBytes(location: string): Promise<Buffer> {
  const file = localPath(location);
  try {
    const handle = await openRegularFile(file);
    try {
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new Error(`dataset ${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

function badLine(location: string, content: Buffer, format: string): Error {
  // In JSON it is the text that is wrong, whatever its lines hold.
  const judged = format === 'csv' ? 'csv' : 'txt';
  let start = 0;
  for (let line = 1; ; line++) {
    const end = content.indexOf(10, start);
    const problem = recordProblem(content.subarray(start, end < 0 ? content.length : end), judged);
    if (problem !== undefined) return new Error(`${location}:${line}: ${problem}`);
    if (end < 0) return new Error(`${location}: ${problems.notText}`);
    start = end + 1;
  }
}

/** Names a sample in an error: file and line, 1-based. */
export async function atLine<T>(location: string, line: number, parse: () => T | Promise<T>): Promise<T> {
  try {
    return await parse();
  } catch (error) {
    throw new Error(`${location}:${line}: ${(error as Error).message}`, { cause: error });
  }
}
