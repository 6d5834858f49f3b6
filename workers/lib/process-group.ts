/**
 * A worker is started as the leader of a process group of its own (`detached`), in which its children are. As in a container, what it
 * leaves behind ends with it. A group's number is not given away while anybody is in the group; what ended long ago must not be asked for.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { signal, startTime, waitForExit, type ProcessRef } from './process.ts';

/** For those who are left when the grace time of their leader is over. */
const leastMs = 500;
const killMs = 2_000;
/** Linux counts in hundredths of a second, whatever the kernel's own tick. */
const ticksPerSecond = 100;

interface Member {
  pid: number;
  group: number;
  ended: boolean;
  /** User and system, with that of its children that have ended. */
  cpuSeconds: number;
}

/**
 * SIGTERM to the leader alone, which may need its children until it has answered what it has; when it has ended, or with SIGKILL after
 * `graceMs`, the others. Resolves when all are gone; true when SIGKILL was not needed.
 */
export async function stopGroup(leader: ProcessRef, graceMs: number): Promise<boolean> {
  const deadline = performance.now() + graceMs;
  if (signal(leader, 'SIGTERM') && !(await waitForExit(leader, graceMs))) return killed(leader);
  return endGroup(leader, Math.max(leastMs, deadline - performance.now()));
}

/** What a leader that has ended has left behind: SIGTERM, then SIGKILL after `graceMs`. True when SIGKILL was not needed. */
export async function endGroup(leader: ProcessRef, graceMs: number): Promise<boolean> {
  if (!signalGroup(leader, 'SIGTERM') || (await emptied(leader, graceMs))) return true;
  return killed(leader);
}

/** Processes of a leader's group that have not ended; none when its pid is by now another's. */
export function groupOf(leader: ProcessRef): ProcessRef[] {
  const started = startTime(leader.pid);
  if (started !== undefined && started !== leader.startedAt) return [];
  return allProcesses()
    .filter(({ group, ended }) => group === leader.pid && !ended)
    .map(({ pid }) => ({ pid, startedAt: startTime(pid) ?? '' }))
    .filter(({ startedAt }) => startedAt !== '');
}

/** Without those whose group's leader is another one of them, or one of `others`. */
export function leadersOf(processes: ProcessRef[], others: ReadonlySet<number> = new Set()): ProcessRef[] {
  const groups = new Map(allProcesses().map(({ pid, group }) => [pid, group]));
  const given = new Set(processes.map(({ pid }) => pid));
  return processes.filter(({ pid }) => {
    const group = groups.get(pid) ?? pid;
    return !others.has(group) && (group === pid || !given.has(group));
  });
}

/**
 * Seconds of CPU that each of these groups has used; never less than before. Without those whose leader is gone, and all where it
 * cannot be told.
 */
export function cpuSecondsOf(leaders: readonly number[]): Map<number, number> {
  const sums = new Map<number, number>();
  if (process.platform !== 'linux') return sums;
  const all = allProcesses();
  for (const leader of leaders) {
    if (!all.some(({ pid, group }) => pid === leader && group === leader)) continue;
    const own = all.filter(({ group }) => group === leader);
    sums.set(
      leader,
      own.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
    );
  }
  return sums;
}

/** Itself and its group: what a dead leader has left behind is in the group of that one, and leads none. */
async function killed(leader: ProcessRef): Promise<false> {
  signal(leader, 'SIGKILL');
  signalGroup(leader, 'SIGKILL');
  await Promise.all([waitForExit(leader, killMs), emptied(leader, killMs)]);
  return false;
}

/** False: there is nobody. */
function signalGroup(leader: ProcessRef, name: NodeJS.Signals): boolean {
  if (leader.pid <= 1 || groupOf(leader).length === 0) return false;
  try {
    return process.kill(-leader.pid, name);
  } catch {
    return false;
  }
}

async function emptied(leader: ProcessRef, boundMs: number): Promise<boolean> {
  const deadline = performance.now() + boundMs;
  for (;;) {
    const [one] = groupOf(leader);
    if (one === undefined) return true;
    if (!(await waitForExit(one, deadline - performance.now())) || performance.now() > deadline) return false;
    // One that a child had just begun is seen the next time.
    await delay(1);
  }
}

function allProcesses(): Member[] {
  return process.platform === 'linux' ? fromProc() : fromPs();
}

function fromProc(): Member[] {
  const found: Member[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      // The second field is the command in parentheses and may hold spaces: fields are counted from behind it.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
      const ended = fields[0] === 'Z' || fields[0] === 'X';
      found.push({ pid: Number(name), group: Number(fields[2]), ended, cpuSeconds: ticks / ticksPerSecond });
    } catch {
      // Gone meanwhile.
    }
  }
  return found;
}

function fromPs(): Member[] {
  const ps = spawnSync('ps', ['-A', '-o', 'pid=,pgid=,stat='], { encoding: 'utf8', maxBuffer: 32 << 20 });
  return ps.stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([pid]) => Number(pid) > 0)
    .map(([pid, group, stat = '']) => ({
      pid: Number(pid),
      group: Number(group),
      ended: stat.startsWith('Z'),
      cpuSeconds: 0,
    }));
}
