import { spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** A process of this machine. The start time tells it from a later one that got the same pid. */
export interface ProcessRef {
  pid: number;
  startedAt: string;
}

export interface Launch {
  command: string;
  args: string[];
  cwd: string;
  env: NodeJS.ProcessEnv;
  /** File that stdout and stderr are appended to. */
  log: string;
}

let boot: string | undefined;

function bootId(): string {
  boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').slice(0, 8);
  return boot;
}

/** When the process started, in a form that only equals itself; undefined when there is no such process (a zombie counts as none). */
export function startTime(pid: number): string | undefined {
  if (pid <= 0) return undefined;
  if (process.platform !== 'linux') {
    const ps = spawnSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' });
    const [stat, ...started] = ps.stdout.trim().split(/\s+/);
    return stat && !stat.startsWith('Z') ? started.join(' ') : undefined;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the command in parentheses and may hold spaces: fields are counted from behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : `${fields[19]}@${bootId()}`;
  } catch {
    return undefined;
  }
}

export function isAlive(ref: ProcessRef): boolean {
  if (process.platform !== 'linux' && !exists(ref.pid)) return false; // Spares a `ps`.
  return startTime(ref.pid) === ref.startedAt;
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

export function self(): ProcessRef {
  return { pid: process.pid, startedAt: startTime(process.pid) ?? '' };
}

/** Starts a process in a session of its own, so that it outlives whoever started it. Throws when the program cannot be run. */
export async function launchDetached(launch: Launch): Promise<ProcessRef> {
  const log = openSync(launch.log, 'a', 0o600);
  try {
    const child = spawn(launch.command, launch.args, {
      cwd: launch.cwd,
      env: launch.env,
      detached: true,
      stdio: ['ignore', log, log],
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    child.unref();
    const pid = child.pid ?? 0;
    return { pid, startedAt: startTime(pid) ?? 'gone' };
  } finally {
    closeSync(log);
  }
}

/** Sends the signal unless the process is gone or the pid is by now another's. */
export function signal(ref: ProcessRef, name: NodeJS.Signals): boolean {
  if (!isAlive(ref)) return false;
  try {
    return process.kill(ref.pid, name);
  } catch {
    return false;
  }
}

export async function waitForExit(ref: ProcessRef, boundMs: number): Promise<boolean> {
  const deadline = performance.now() + boundMs;
  while (isAlive(ref)) {
    if (performance.now() > deadline) return false;
    await delay(20);
  }
  return true;
}

/** SIGTERM, then SIGKILL after `graceMs`. Resolves when the process is gone; true when SIGKILL was not needed. */
export async function stopProcess(ref: ProcessRef, graceMs: number): Promise<boolean> {
  if (!signal(ref, 'SIGTERM') || (await waitForExit(ref, graceMs))) return true;
  signal(ref, 'SIGKILL');
  await waitForExit(ref, 2_000);
  return false;
}

/**
 * Processes of this user whose environment, as it was when they started, has the variable with this value or with one that
 * `wanted` accepts; never this process or its ancestors.
 */
export function processesWith(name: string, wanted: string | ((value: string) => boolean)): ProcessRef[] {
  const skip = new Set(ancestors());
  const matches = typeof wanted === 'string' ? (value: string): boolean => value === wanted : wanted;
  const found = process.platform === 'linux' ? fromProc(name, matches) : fromPs(name, matches);
  return found
    .filter((pid) => !skip.has(pid))
    .map((pid) => ({ pid, startedAt: startTime(pid) ?? '' }))
    .filter((ref) => ref.startedAt !== '');
}

/** The command line of a process, as it was started; empty when it cannot be read. */
export function commandLine(pid: number): string[] {
  if (process.platform !== 'linux') {
    const ps = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
    return ps.stdout.trim().split(' ');
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  } catch {
    return [];
  }
}

function fromProc(name: string, matches: (value: string) => boolean): number[] {
  const prefix = `${name}=`;
  const has = (pid: number): boolean => {
    try {
      const entries = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
      return entries.some((entry) => entry.startsWith(prefix) && matches(entry.slice(prefix.length)));
    } catch {
      return false; // Another user's, or gone meanwhile.
    }
  };
  return readdirSync('/proc')
    .filter((dir) => /^\d+$/.test(dir))
    .map(Number)
    .filter(has);
}

/** `ps` shows the environment behind the command, apart by spaces: a value that holds a space is not found. */
function fromPs(name: string, matches: (value: string) => boolean): number[] {
  const ps = spawnSync('ps', ['eww', '-x', '-o', 'pid=,command='], { encoding: 'utf8', maxBuffer: 32 << 20 });
  const has = (word: string): boolean => word.startsWith(`${name}=`) && matches(word.slice(name.length + 1));
  return ps.stdout
    .split('\n')
    .filter((line) => line.split(' ').some(has))
    .map((line) => Number.parseInt(line, 10))
    .filter((pid) => pid > 0);
}

function ancestors(): number[] {
  const pids = [process.pid, process.ppid];
  if (process.platform !== 'linux') return pids;
  for (let pid = process.ppid; pid > 1;) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      pid = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      pids.push(pid);
    } catch {
      break;
    }
  }
  return pids;
}
