import type { Hash } from 'node:crypto';
import { DataLoader } from '../../../datasources/loader.ts';
import type { Random } from '../random.ts';
import { checkSamples, gather } from '../samples.ts';
import type { BatchBuffers, AnySamples, SampleLayout } from '../samples.ts';

export interface Batch {
  rows: number;
  /** Copies the batch into the buffers of a step. */
  copyTo(buffers: BatchBuffers): void;
}

export interface EpochRequest {
  batchSize: number;
  /** Batches to leave out at the start: where a resumed epoch goes on. */
  from: number;
  signal?: AbortSignal;
}

/** Where a training takes its batches from. */
export interface BatchSource {
  readonly count: number;
  readonly shape: number[];
  /** Adds to a hash what tells this data from other data. */
  identify(hash: Hash): void;
  /** All batches once, in an order and with augmentations that follow from the generator, which is advanced. */
  epoch(random: Random, request: EpochRequest): AsyncIterable<Batch>;
  /** All batches once as they are. */
  inOrder(request: EpochRequest): AsyncIterable<Batch>;
}

/** Samples in memory, or a loader that brings them batch by batch. */
export type TrainingData = AnySamples | DataLoader;

/** Samples in memory are checked here, before the first step, those of a loader as they come. */
export function sourceOf(samples: TrainingData, layout: SampleLayout): BatchSource {
  if (samples instanceof DataLoader) return loaderSource(samples, layout);
  checkSamples(samples, layout);
  return memorySource(samples);
}

/** Samples in memory, checked before. */
export function memorySource(samples: AnySamples): BatchSource {
  const { count, shape, inputs, labels } = samples;
  return {
    count,
    shape,
    identify(hash) {
      hash.update(JSON.stringify([count, shape, labels.constructor.name]));
      for (const { buffer, byteOffset, byteLength } of [inputs, labels]) {
        hash.update(new Uint8Array(buffer, byteOffset, byteLength));
      }
    },
    epoch: (random, request) => inMemory(samples, random.permutation(count), request),
    inOrder: (request) => inMemory(samples, undefined, request),
  };
}

async function* inMemory(
  samples: AnySamples,
  order: Uint32Array | undefined,
  { batchSize, from }: EpochRequest,
): AsyncGenerator<Batch> {
  for (let start = from * batchSize; start < samples.count; start += batchSize) {
    const rows = Math.min(batchSize, samples.count - start);
    const indices = order?.subarray(start, start + rows) ?? Uint32Array.from({ length: rows }, (_, i) => start + i);
    yield { rows, copyTo: (buffers) => gather(samples, indices, buffers) };
  }
}

/** Samples that a loader brings; each batch is checked when it comes. */
function loaderSource(loader: DataLoader, layout: SampleLayout): BatchSource {
  async function* checked(batches: ReturnType<DataLoader['batches']>): AsyncGenerator<Batch> {
    for await (const { indices, ...samples } of batches) {
      checkSamples(samples, layout, (row) => indices[row] ?? row);
      const rows = Uint32Array.from({ length: samples.count }, (_, i) => i);
      yield { rows: samples.count, copyTo: (buffers) => gather(samples, rows, buffers) };
    }
  }
  return {
    count: loader.count,
    shape: loader.shape,
    identify: (hash) => hash.update(JSON.stringify([loader.count, loader.shape, loader.version])),
    epoch: (random, request) => checked(loader.batches({ ...request, seed: random.next() })),
    inOrder: (request) => checked(loader.batches(request)),
  };
}
