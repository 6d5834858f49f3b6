/** Processes whose wall clock is set, forwards and backwards, while they run: a shim in front of the C library. */
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../deploy/local/files.ts';

const fileOf = (cwd: string): string => join(cwd, 'clock');

/** Why it cannot be had here; undefined when it can. */
export function noClock(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux (LD_PRELOAD)';
  return spawnSync('cc', ['--version']).status === 0 ? undefined : 'needs a C compiler (cc)';
}

/** Environment of processes whose clock `setClock` sets. */
export function clockEnvironment(cwd: string): Record<string, string> {
  const library = join(cwd, 'clock.so');
  const source = join(packageRoot(), 'test/faults/lib/clock.c');
  const { status, stderr } = spawnSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl'], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`cc: ${stderr}`);
  setClock(cwd, 0);
  return { LD_PRELOAD: library, CLOCK_FILE: fileOf(cwd) };
}

/** How many seconds the clock is fast from now on. Written in place: the processes have the file mapped, and an empty one has no page. */
export function setClock(cwd: string, seconds: number): void {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(seconds));
  writeFileSync(fileOf(cwd), bytes, { flag: existsSync(fileOf(cwd)) ? 'r+' : 'w' });
}
