/** Disks that take writes and then fail to keep them: a shim in front of the C library, built where there is a compiler. */
import { spawnSync } from 'node:child_process';
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../deploy/local/files.ts';

const flagOf = (cwd: string): string => join(cwd, 'disk-fails');

/** Why it cannot be had here; undefined when it can. */
export function noFailingSync(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux (LD_PRELOAD)';
  return spawnSync('cc', ['--version']).status === 0 ? undefined : 'needs a C compiler (cc)';
}

/** Environment of processes whose flushes below `folder` can be made to fail. */
export function preload(cwd: string, folder: string): Record<string, string> {
  const library = join(cwd, 'failing-sync.so');
  const source = join(packageRoot(), 'test/faults/federated/failing-sync.c');
  const { status, stderr } = spawnSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl'], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`cc: ${stderr}`);
  return { LD_PRELOAD: library, FAILING_FLAG: flagOf(cwd), FAILING_FOLDER: folder };
}

/** From now on, until `mend`. Both give the number of flushes that failed. */
export function failingSync(cwd: string): { mend: () => number; count: () => number } {
  writeFileSync(flagOf(cwd), '');
  const count = (): number => statSync(flagOf(cwd)).size;
  return {
    mend: () => {
      const failures = count();
      rmSync(flagOf(cwd));
      return failures;
    },
    count,
  };
}
