import { readFile } from 'node:fs/promises';
import { localPath } from '../storage/index.ts';

/** Whole text of a local file, without a byte-order mark. Names the file when it cannot be read or is not UTF-8. */
export async function readText(location: string): Promise<string> {
  const file = localPath(location);
  let content: Buffer;
  try {
    content = await readFile(file);
  } catch (error) {
    throw new Error(`dataset ${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch (error) {
    throw new Error(`dataset ${file} is not UTF-8 text`, { cause: error });
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
