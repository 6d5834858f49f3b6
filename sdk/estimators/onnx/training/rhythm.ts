import { Random } from '../random.ts';
import type { StepPhase } from './step-graph.ts';

export interface RhythmOptions {
  /** Samples per epoch. */
  count: number;
  batchSize: number;
  /** Batches per update. */
  accumulate: number;
}

/** How the batches of an epoch make up updates. Pure arithmetic; batches count from 0. */
export class Rhythm {
  readonly batches: number;
  /** Updates per epoch. */
  readonly updates: number;
  readonly #options: RhythmOptions;

  constructor(options: RhythmOptions) {
    this.#options = options;
    this.batches = Math.ceil(options.count / options.batchSize);
    this.updates = Math.ceil(this.batches / options.accumulate);
  }

  /** What the step of this batch does, and its share of the update's rows. The last update of an epoch may have fewer batches. */
  stepOf(batch: number): { phase: StepPhase; share: number } {
    const { count, batchSize, accumulate } = this.#options;
    if (accumulate === 1) return { phase: 'update', share: 1 };
    const first = batch - (batch % accumulate);
    const last = Math.min(first + accumulate, this.batches) - 1;
    const rows = (from: number, to: number) => Math.min((to + 1) * batchSize, count) - from * batchSize;
    return { phase: batch === last ? 'apply' : 'accumulate', share: rows(batch, batch) / rows(first, last) };
  }
}

/** int32 for what is drawn in the n-th step of a training with this seed; the same in a resumed training. */
export function stepSeed(seed: number, step: number): number {
  return new Random((Math.imul(seed, 0x85ebca6b) ^ Math.imul(step + 1, 0x9e3779b9)) >>> 0).next() | 0;
}
