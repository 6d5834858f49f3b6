import type { FloatDtype } from '../../../tensors/dtype.ts';
import type { SharedMemory } from './web-assembly.ts';

/**
 * What is done to each element over the clients. `mean`: weighted sum in client order. `ranked`: the same after sorting, weights by
 * rank from the smallest. `closest`: mean of the `keep` values nearest to the median. `distances`: squared distances of all pairs.
 */
export type Operation =
  | { kind: 'mean'; weights: number[] }
  | { kind: 'ranked'; weights: number[] }
  | { kind: 'closest'; keep: number }
  | { kind: 'distances' };

/** A place in an open file of this process; threads share its descriptors. */
export interface Place {
  fd: number;
  position: number;
}

/** One range of elements of all inputs. */
export interface Segment {
  operation: Operation;
  dtype: FloatDtype;
  count: number;
  inputs: Place[];
  /** Absent for `distances`. */
  output?: Place;
}

/** Shares of a mean whose columns are in one shared memory already. Addresses as in kernel.wat. */
export interface MemoryMean {
  memory: SharedMemory;
  columns: number;
  weights: number;
  k: number;
  out: number;
  n: number;
}

/** Elements per block: as many as keep the blocks of all clients within a second-level cache, by client count and dtype alone. */
export function blockElements(clients: number, elementBytes: number): number {
  const fitting = Math.floor(CACHE_BYTES / (clients * elementBytes) / BLOCK_STEP) * BLOCK_STEP;
  return Math.min(65_536, Math.max(BLOCK_STEP, fitting));
}

const CACHE_BYTES = 768 * 1024;
const BLOCK_STEP = 1024;
