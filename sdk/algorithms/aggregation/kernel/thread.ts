/** A thread of the pool: one request at a time, answered under its number. */
import { parentPort, workerData } from 'node:worker_threads';
import { BlockRunner } from './block-runner.ts';
import { wasmKernel, type KernelFunctions } from './exports.ts';
import type { MemoryMean, Segment } from './operation.ts';
import type { SharedMemory } from './web-assembly.ts';

/** What a thread is asked: a range of files, or of a shared memory. */
export type Request = { segment: Segment } | { mean: MemoryMean };

export type Answer = { result?: Float64Array | undefined; error?: unknown };

const runner = new BlockRunner(workerData as { wasm: boolean });
let bound: { memory: SharedMemory; kernel: KernelFunctions } | undefined;

parentPort?.on('message', (request: Request) => {
  let answer: Answer;
  try {
    answer = 'segment' in request ? { result: runner.run(request.segment) } : { result: meanOf(request.mean) };
  } catch (error) {
    answer = { error };
  }
  parentPort?.postMessage(answer);
});

function meanOf({ memory, columns, weights, k, out, n }: MemoryMean): undefined {
  // A memory arrives as a new object with each message, over the same bytes.
  if (bound?.memory.buffer !== memory.buffer) bound = { memory, kernel: wasmKernel(memory) };
  bound.kernel.mean_f32(columns, weights, k, out, n);
}
