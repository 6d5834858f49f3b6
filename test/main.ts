/**
 * `npm test`: all that a change is tried with before the whole. `npm run test:e2e`: whole stacks and the command line, as users start
 * them, and what one sees there (docs/adr/0028-two-suites.md). `.ci/run` does both, and the benchmarks in small (`npm test --
 * test/bench`); the fault campaigns are `npm run test:faults`. Files that fail run once more, alone: on a machine that others use as
 * well, a bound may be missed for want of CPU. What fails again is a failure; what does not is named at the end.
 * With arguments: just jest with these arguments.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheDir } from '../deploy/local/files.ts';

// As `sedna` has it: what tests start starts faster.
process.env.NODE_COMPILE_CACHE ??= join(cacheDir(), 'compiled');
// Temporal, written in Go, spends an eighth of its time on garbage unless it may use more memory.
process.env.GOGC ??= '400';
// And a fourteenth on stacks that grow: each call of it is a goroutine of its own, which may begin with what others needed.
process.env.GODEBUG ??= 'adaptivestackstart=1';
// jest gives tests a copy of the environment, which sdk/estimators/onnx/no-telemetry.ts cannot write through.
process.env.ORT_DISABLE_TELEMETRY ??= '1';
const root = join(import.meta.dirname, '..');
const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
/** Whole stacks, most of them of seven processes and more, and many starts of the command. Two at a time: some measure what clients see. */
const stacks =
  '/test/(e2e|why|cli/(up|objects)|docs/extending|examples/federated-learning/(defects|mistnet|mnist-attacked))';
/** They only show that each benchmark runs, which takes a minute of CPU: a step of its own. */
const benchmarks = '/test/bench/';
/** Many tests wait more than they compute. */
const fourAtOnce = ['--maxWorkers', '4'];
/** What each suite gives jest. */
const suites: Record<string, string[]> = {
  '': [...fourAtOnce, '--testPathIgnorePatterns', stacks, benchmarks],
  '--e2e': [stacks],
};
/** More than so many is no accident: nothing runs again. */
const accidents = 3;

function run(args: string[]): number {
  const options = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', jest, ...args];
  return spawnSync(process.execPath, options, { cwd: root, stdio: 'inherit' }).status ?? 1;
}

/** The files that failed; undefined when jest itself did. */
function failures(args: string[]): string[] | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'sedna-tests-'));
  const report = join(folder, 'report.json');
  try {
    if (run([...args, '--json', '--outputFile', report]) === 0) return [];
    const { testResults, numPendingTests } = JSON.parse(readFileSync(report, 'utf8')) as Report;
    // What a missing component keeps from running is no better alone.
    if (process.env.CI === 'true' && numPendingTests > 0) return undefined;
    const failed = testResults.filter(({ status }) => status === 'failed').map(({ name }) => name);
    return failed.length > 0 ? failed : undefined;
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Report {
  numPendingTests: number;
  testResults: { name: string; status: string }[];
}

function runSuite(args: string[]): number {
  const failed = failures(args);
  if (failed === undefined) return 1;
  if (failed.length === 0) return 0;
  const names = failed.map((name) => `  ${name.slice(root.length + 1)}\n`).join('');
  if (failed.length > accidents) {
    process.stdout.write(`\n${failed.length} test files failed:\n${names}`);
    return 1;
  }
  process.stdout.write(`\nFailed beside others, now once more, alone:\n${names}`);
  const again = run(['--runInBand', '--forceExit', '--runTestsByPath', ...failed]);
  process.stdout.write(again === 0 ? `\nPassed only alone:\n${names}` : `\nFailed twice, or one of them:\n${names}`);
  return again;
}

const given = process.argv.slice(2);
const suite = given.length < 2 ? suites[given[0] ?? ''] : undefined;
process.exitCode = suite === undefined ? run(given) : runSuite(suite);
