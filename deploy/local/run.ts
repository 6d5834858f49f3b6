import { spawn } from 'node:child_process';

export interface RunOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  boundMs: number;
  /** Called with each complete line of stderr. */
  onLine?: (line: string) => void;
}

/** Runs a program (no shell) to its end and returns its stdout. Throws with the end of its stderr when it fails or overruns. */
export function run(command: string, args: string[], options: RunOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    // A build must not outlive an interrupted caller.
    const end = (): void => void child.kill();
    process.once('exit', end);
    // Not spawn's own timeout: its timer keeps running where the program cannot be started.
    const bound = setTimeout(end, options.boundMs);
    const settle = (): void => {
      clearTimeout(bound);
      process.off('exit', end);
    };
    let stdout = '';
    let partial = '';
    let tail: string[] = [];
    const takeLine = (line: string): void => {
      tail = [...tail, line].slice(-5);
      options.onLine?.(line);
    };
    child.stdout.setEncoding('utf8').on('data', (data: string) => (stdout += data));
    child.stderr.setEncoding('utf8').on('data', (data: string) => {
      const lines = (partial + data).split('\n');
      partial = lines.pop() ?? '';
      lines.filter(Boolean).forEach(takeLine);
    });
    child.once('error', (error: NodeJS.ErrnoException) => {
      settle();
      reject(error.code === 'ENOENT' ? new Error(`${command} is not installed`) : error);
    });
    child.once('close', (code, signal) => {
      settle();
      if (partial) takeLine(partial);
      if (code === 0) resolve(stdout);
      else reject(new Error(`${command} ${args[0] ?? ''}: ${signal ?? `exit ${code}`}: ${tail.join(' | ')}`));
    });
  });
}
