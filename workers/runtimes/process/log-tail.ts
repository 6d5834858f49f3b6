import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const tailBytes = 4096;

/** The last lines of a log as one line for a message: at most 4 KiB are read, control characters dropped. */
export function lastLines(file: string, count: number): string {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, 'r');
    const { size } = fstatSync(descriptor);
    const buffer = Buffer.alloc(Math.min(tailBytes, size));
    readSync(descriptor, buffer, 0, buffer.length, size - buffer.length);
    const lines = buffer
      .toString('utf8')
      .split('\n')
      .filter((line) => line.trim() !== '');
    return lines
      .slice(-count)
      .join(' | ')
      .replace(/\x1b\[[0-9;]*[A-Za-z]|[\x00-\x1f\x7f]/g, '')
      .slice(-800);
  } catch {
    return '';
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
