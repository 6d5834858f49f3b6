import { copyFileSync, statSync, truncateSync } from 'node:fs';

const maxLogBytes = 10 << 20;

/** Its process holds the file open for appending, so it is copied and emptied rather than renamed. */
export function rotateLog(file: string): void {
  try {
    if (statSync(file).size <= maxLogBytes) return;
    copyFileSync(file, `${file}.1`);
    truncateSync(file);
  } catch {
    // No log yet, or no space for a copy: the next call tries again.
  }
}
