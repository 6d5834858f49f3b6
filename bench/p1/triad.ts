import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { sharedMemory } from '../../sdk/algorithms/aggregation/kernel/web-assembly.ts';
import type { Share } from './triad-thread.ts';

const LINE = 64;

/** Bytes per second of a = b + 3c over arrays of `bytes` each, on all cores: the best of five, the write-allocate read not counted. */
export async function triad(bytes: number): Promise<number> {
  const threads = availableParallelism();
  const memory = sharedMemory(3 * (bytes + LINE));
  const workers = Array.from({ length: threads }, () => new Worker(new URL('./triad-thread.ts', import.meta.url)));
  const each = Math.floor(bytes / threads / LINE) * LINE;
  const shares = workers.map((_, i): Share => {
    const at = (array: number): number => array * (bytes + LINE) + i * each;
    return { memory, arrays: [at(0), at(1), at(2)], n: each / 8 };
  });
  let best = 0;
  try {
    for (let repeat = 0; repeat < 6; repeat++) {
      const started = performance.now();
      const done = workers.map((worker) => once(worker, 'message'));
      workers.forEach((worker, i) => worker.postMessage(shares[i]));
      await Promise.all(done);
      const seconds = (performance.now() - started) / 1000;
      if (repeat > 0) best = Math.max(best, (3 * each * threads) / seconds);
    }
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  return best;
}
