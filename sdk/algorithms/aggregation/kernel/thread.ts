/** A thread of the pool: one request at a time, answered under its number. */
import { parentPort, workerData } from 'node:worker_threads';
import { digestFileSync, type Digest } from '../../../storage/digest.ts';
import { BlockRunner } from './block-runner.ts';
import { wasmKernel, type KernelFunctions } from './exports.ts';
import type { MemoryMean, Segment } from './operation.ts';
import type { SharedMemory } from './web-assembly.ts';

/** What a thread is asked: a range of files, or of a shared memory, or the digest of a file. */
export type Request = { segment: Segment } | { mean: MemoryMean } | { digest: string };

export type Result = Float64Array | Digest | undefined;

export type Answer = { result?: Result; error?: unknown };

const runner = new BlockRunner(workerData as { wasm: boolean });
let bound: { memory: SharedMemory; kernel: KernelFunctions } | undefined;

parentPort?.on('message', (request: Request) => {
  let answer: Answer;
  try {
    answer = { result: resultOf(request) };
  } catch (error) {
    answer = { error };
  }
  parentPort?.postMessage(answer);
});

function resultOf(request: Request): Result {
  if ('segment' in request) return runner.run(request.segment);
  return 'mean' in request ? meanOf(request.mean) : digestFileSync(request.digest);
}

function meanOf({ memory, columns, weights, k, out, n }: MemoryMean): undefined {
  // A memory arrives as a new object with each message, over the same bytes.
  if (bound?.memory.buffer !== memory.buffer) bound = { memory, kernel: wasmKernel(memory) };
  bound.kernel.mean_f32(columns, weights, k, out, n);
}
