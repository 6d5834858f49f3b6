/**
 * How long processes had something to do and no CPU to do it on. A bound that the product promises counts its own time: on a machine
 * with more to do than CPUs, what it waited for its turn is taken off.
 */
import { readFileSync } from 'node:fs';

/** ms that the main thread of each process has waited for a CPU since it started; 0 where the kernel does not say. */
function waited(pid: number): number {
  try {
    const [, nanoseconds = '0'] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ');
    return Number(nanoseconds) / 1e6;
  } catch {
    return 0;
  }
}

export class CpuWait {
  readonly #before: Map<number, number>;

  constructor(pids: number[]) {
    this.#before = new Map(pids.map((pid) => [pid, waited(pid)]));
  }

  /** ms until now, over these processes one after the other; one that started meanwhile counts from its start. */
  until(pids: number[]): number {
    return pids.reduce((sum, pid) => sum + Math.max(0, waited(pid) - (this.#before.get(pid) ?? 0)), 0);
  }
}
