import { Kernel } from '../../sdk/algorithms/aggregation/index.ts';
import { sharedMemory } from '../../sdk/algorithms/aggregation/kernel/web-assembly.ts';

const LINE = 64;
/** Elements: shares of threads begin on a cache line. */
const STEP = 16;

/** The mean of k updates of n singles in one shared memory, as the aggregation kernel does it on all its threads. */
export class InMemory {
  readonly #kernel = new Kernel();
  readonly #run: () => Promise<void>;
  readonly #check: () => void;

  constructor(n: number, k: number) {
    const length = Math.ceil(n / STEP) * STEP;
    // The odd line keeps equal places of two updates out of the same set of the first-level cache.
    const stride = length * 4 + LINE;
    const tables = this.#kernel.pool.size * 1024;
    const memory = sharedMemory(tables + (k + 1) * stride);
    const { buffer } = memory;
    const column = (i: number): number => tables + i * stride;
    for (let i = 0; i < k; i++) fill(new Float32Array(buffer, column(i), n), i);
    const each = Math.ceil(length / this.#kernel.pool.size / STEP) * STEP;
    const shares = Array.from({ length: this.#kernel.pool.size }, (_, t) => {
      const first = t * each;
      const columns = t * 1024;
      const weights = columns + 512;
      new Int32Array(buffer, columns, k).set(Array.from({ length: k }, (_, i) => column(i) + first * 4));
      new Float64Array(buffer, weights, k).fill(1 / k);
      return { memory, columns, weights, k, out: column(k) + first * 4, n: Math.min(each, length - first) };
    }).filter((share) => share.n > 0);
    this.#run = async () => {
      await Promise.all(shares.map((mean) => this.#kernel.pool.run({ mean })));
    };
    this.#check = () => {
      const out = new Float32Array(buffer, column(k), n);
      for (let i = 0; i < n; i += Math.ceil(n / 1000)) {
        let sum = 0;
        for (let c = 0; c < k; c++) sum += (1 / k) * (new Float32Array(buffer, column(c) + i * 4, 1)[0] as number);
        if (out[i] !== Math.fround(sum)) throw new Error(`element ${i} is ${out[i]}, not ${Math.fround(sum)}`);
      }
    };
  }

  /** Seconds of one mean. */
  async seconds(): Promise<number> {
    const started = performance.now();
    await this.#run();
    return (performance.now() - started) / 1000;
  }

  /** Throws unless a thousand elements are what a loop in doubles gives. */
  check(): void {
    this.#check();
  }

  async close(): Promise<void> {
    await this.#kernel.close();
  }
}

/** Cheap and different in every place. */
export function fill(values: Float32Array, seed: number): void {
  let state = seed + 1;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    values[i] = state / 2 ** 31;
  }
}
