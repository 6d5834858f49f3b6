/**
 * `npm test`: everything but the fault campaign. First the tests that may run side by side, then those that start whole stacks and
 * measure what clients see, alone. With arguments: just jest with these arguments.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { cacheDir } from '../deploy/local/files.ts';

// As `sedna` has it: what tests start starts faster.
process.env.NODE_COMPILE_CACHE ??= join(cacheDir(), 'compiled');
const root = join(import.meta.dirname, '..');
const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js');

function run(args: string[]): number {
  const options = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', jest, ...args];
  return spawnSync(process.execPath, options, { cwd: root, stdio: 'inherit' }).status ?? 1;
}

const given = process.argv.slice(2);
const passes =
  given.length > 0
    ? [given]
    : [
        ['--testPathIgnorePatterns', '/test/(e2e|why)/'],
        ['--runInBand', '/test/(e2e|why)/'],
      ];
process.exit(Math.max(...passes.map(run)));
