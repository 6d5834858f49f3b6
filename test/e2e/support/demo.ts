/** `npm run demo` as a user runs it: a child process in a folder of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../deploy/local/files.ts';

export interface Run {
  child: ChildProcess;
  told: () => string;
  result: Promise<{ code: number | null; lines: string[]; told: string }>;
}

export function startDemo(cwd: string, args: string[], env: NodeJS.ProcessEnv = {}): Run {
  const child = spawn(process.execPath, [join(packageRoot(), 'examples', 'demo.ts'), ...args], {
    cwd,
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const result = new Promise<Awaited<Run['result']>>((resolve) => {
    child.once('close', (code) => resolve({ code, lines: stdout.split('\n').filter(Boolean), told: stderr }));
  });
  return { child, told: () => stderr, result };
}

/** Processes of this user that were started for the folder: they work in it, or name it in their environment or command. */
export function processesOf(folder: string): string[] {
  const mentions = (pid: string): boolean => {
    try {
      if (readlinkSync(`/proc/${pid}/cwd`).startsWith(folder)) return true;
      return ['environ', 'cmdline'].some((file) => readFileSync(`/proc/${pid}/${file}`, 'utf8').includes(folder));
    } catch {
      return false; // Another user's, or gone meanwhile.
    }
  };
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && mentions(name));
}
