/**
 * How long processes had something to do and no CPU to do it on. A bound that the product promises counts its own time: on a machine
 * with more to do than CPUs, what it waited for its turn is taken off.
 */
import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';

const ticksPerSecond = 100;

/** ms that the main thread of each process has waited for a CPU since it started; 0 where the kernel does not say. */
function waited(pid: number): number {
  try {
    const [, nanoseconds = '0'] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ');
    return Number(nanoseconds) / 1e6;
  } catch {
    return 0;
  }
}

/** Seconds after the boot at which a process started. */
function started(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]) / ticksPerSecond;
  } catch {
    return 0;
  }
}

export class CpuWait {
  readonly #since = uptime();
  readonly #before: Map<number, number>;

  constructor(pids: number[]) {
    this.#before = new Map(pids.map((pid) => [pid, waited(pid)]));
  }

  /** ms until now, over these processes one after the other: those known at the beginning, and those that started since. */
  until(pids: number[]): number {
    return pids.reduce((sum, pid) => sum + Math.max(0, waited(pid) - this.#baseline(pid)), 0);
  }

  #baseline(pid: number): number {
    return this.#before.get(pid) ?? (started(pid) >= this.#since - 1 / ticksPerSecond ? 0 : Infinity);
  }
}

const logEveryMs = 200;

/** The same over time, for moments that are known only later. */
export class CpuLog {
  readonly #pids: () => number[];
  readonly #wait: CpuWait;
  readonly #log: { at: number; waited: number }[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(pids: () => number[]) {
    this.#pids = pids;
    this.#wait = new CpuWait(pids());
    this.#timer = setInterval(() => this.#note(), logEveryMs);
    this.#note();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#note();
  }

  /** ms of waiting between two moments in ms since 1970; the neighbouring looks count in full. */
  between(from: number, to: number): number {
    const before = this.#log.findLast(({ at }) => at <= from) ?? this.#log[0];
    const after = this.#log.find(({ at }) => at >= to) ?? this.#log.at(-1);
    return Math.max(0, (after?.waited ?? 0) - (before?.waited ?? 0));
  }

  #note(): void {
    this.#log.push({ at: Date.now(), waited: this.#wait.until(this.#pids()) });
  }
}
