import { availableParallelism } from 'node:os';
import type { Digest } from '../../../storage/digest.ts';
import { DTYPE_BYTES } from '../../../tensors/dtype.ts';
import type { TensorFile } from '../../../tensors/tensor-file.ts';
import { writing, type TensorWriter, type WrittenTensors } from '../../../tensors/tensor-writer.ts';
import { hasWasm } from './exports.ts';
import { checkSameLayout, segments } from './layout.ts';
import type { Operation } from './operation.ts';
import { Pool } from './pool.ts';

export interface KernelOptions {
  /** Default: one per core, at most four (memory bandwidth ends before). 0: in the caller's thread. */
  threads?: number;
  /** Default: WebAssembly where the platform has it. The results are the same, bit by bit. */
  wasm?: boolean;
  /** Whether results are flushed to the disk. Default: true. */
  flush?: boolean;
}

/** Elements that one thread computes at a time: a model of half a million parameters is work for all of them. */
const STEP_ELEMENTS = 128 * 1024;

/** Bytes that wait to be hashed at most, so that they are still in the cache of the system. */
const HASH_STEP = 8 * 2 ** 20;

/**
 * Aggregates tensor files of the same layout into one, block by block: memory does not grow with the models, and only by a block
 * per client. Sums are taken in client order in f64 without fused operations, so that equal inputs give equal bytes on any
 * machine, with any number of threads, with and without WebAssembly. Inputs must be finite. Errors are `TensorError`.
 */
export class Kernel {
  readonly pool: Pool;
  readonly #flush: boolean;

  constructor({ threads = Math.min(4, availableParallelism()), wasm = hasWasm(), flush = true }: KernelOptions = {}) {
    this.#flush = flush;
    this.pool = new Pool({ threads, wasm });
  }

  /** Per element Σ weights[k] · inputs[k]. Weights of a mean add up to 1: they are multiplied before anything is added. */
  async mean(inputs: readonly TensorFile[], weights: readonly number[], out: string): Promise<WrittenTensors> {
    return this.#combine(inputs, { kind: 'mean', weights: [...weights] }, out);
  }

  /** Per element Σ weights[r] · (r-th smallest value). */
  async ranked(inputs: readonly TensorFile[], weights: readonly number[], out: string): Promise<WrittenTensors> {
    return this.#combine(inputs, { kind: 'ranked', weights: [...weights] }, out);
  }

  /** Per element the mean of the `keep` values nearest to the median. */
  async closest(inputs: readonly TensorFile[], keep: number, out: string): Promise<WrittenTensors> {
    return this.#combine(inputs, { kind: 'closest', keep }, out);
  }

  /** Squared Euclidean distances between all inputs, over all tensors: distances[a · K + b]. */
  async distances(inputs: readonly TensorFile[]): Promise<Float64Array> {
    checkSameLayout(inputs);
    const parts = segments(inputs.map(({ entries }) => entries)).map(({ dtype, count, positions }) =>
      this.pool.run({
        segment: { operation: { kind: 'distances' }, dtype, count, inputs: places(inputs, positions) },
      }),
    );
    const sums = new Float64Array(inputs.length ** 2);
    for (const part of await Promise.all(parts)) part?.forEach((value, i) => (sums[i] = (sums[i] as number) + value));
    return sums;
  }

  /** Of a whole file, by one of the threads. */
  digest(file: string): Promise<Digest> {
    return this.pool.digest(file);
  }

  /** Stops the threads. */
  async close(): Promise<void> {
    await this.pool.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #combine(inputs: readonly TensorFile[], operation: Operation, out: string): Promise<WrittenTensors> {
    const layout = checkSameLayout(inputs);
    const fill = (writer: TensorWriter): Promise<void> => this.#fill(inputs, operation, writer);
    return writing(out, layout, fill, { flush: this.#flush });
  }

  async #fill(inputs: readonly TensorFile[], operation: Operation, writer: TensorWriter): Promise<void> {
    const stretches = segments(
      [...inputs, writer].map(({ entries }) => entries),
      STEP_ELEMENTS,
    );
    const done = stretches.map(({ dtype, count, positions }) => {
      const output = { fd: writer.fd, position: positions.at(-1) as number };
      return this.pool.run({ segment: { operation, dtype, count, inputs: places(inputs, positions), output } });
    });
    // All end before the file is closed, whichever of them fails.
    const ended = Promise.allSettled(done);
    try {
      let hashed = 0;
      for (const [i, { dtype, count, positions }] of stretches.entries()) {
        await done[i];
        const end = (positions.at(-1) as number) + count * DTYPE_BYTES[dtype];
        if (end - hashed < HASH_STEP) continue;
        await writer.hashTo(end);
        hashed = end;
      }
    } finally {
      await ended;
    }
  }
}

const places = (files: readonly TensorFile[], positions: readonly number[]) =>
  files.map(({ fd }, i) => ({ fd, position: positions[i] as number }));
