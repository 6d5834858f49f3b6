import { relative } from 'node:path';

/** Short where the file is in the working directory or below, absolute elsewhere. */
export function pathForReader(file: string): string {
  const short = relative(process.cwd(), file);
  return short.startsWith('..') ? file : short;
}
