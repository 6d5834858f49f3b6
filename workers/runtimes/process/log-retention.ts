import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Removes logs of workers that have ended, but for the newest ones. Never fails: what cannot be removed now is tried again the next time.
 */
export function pruneLogs(directory: string, runs: (worker: string) => boolean, kept: number): void {
  try {
    const newest = new Map<string, number>();
    for (const file of readdirSync(directory)) {
      const worker = file.replace(/\.log(\.1)?$/, '');
      if (worker === file || runs(worker)) continue;
      newest.set(worker, Math.max(newest.get(worker) ?? 0, statSync(join(directory, file)).mtimeMs));
    }
    const ended = [...newest].sort(([, a], [, b]) => b - a).slice(kept);
    for (const [worker] of ended)
      for (const suffix of ['log', 'log.1']) rmSync(join(directory, `${worker}.${suffix}`), { force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') process.emitWarning(`${directory}: ${String(error)}`);
  }
}
