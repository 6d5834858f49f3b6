import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../deploy/local/files.ts';

export interface CliResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface CliRun {
  child: ChildProcess;
  /** What it printed so far, stdout and stderr together. */
  output: () => string;
  result: Promise<CliResult>;
}

/** Starts the real command line, as users do, in a working directory. */
export function startCli(args: string[], cwd: string, env: NodeJS.ProcessEnv = {}): CliRun {
  const child = spawn(process.execPath, [join(packageRoot(), 'cli', 'bin.js'), ...args], {
    cwd,
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr, output] = ['', '', ''];
  child.stdout.setEncoding('utf8').on('data', (data: string) => ((stdout += data), (output += data)));
  child.stderr.setEncoding('utf8').on('data', (data: string) => ((stderr += data), (output += data)));
  const result = new Promise<CliResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { child, output: () => output, result };
}

export function runCli(args: string[], cwd: string, env: NodeJS.ProcessEnv = {}): Promise<CliResult> {
  return startCli(args, cwd, env).result;
}

/** A new folder that goes when the test run ends, together with a stack that a failed test left in it. */
export function temporaryFolder(name: string): string {
  return mkdtempSync(join(process.env.TEST_RUN_DIR ?? tmpdir(), `${name}-`));
}
