import { Random } from '../estimators/onnx/random.ts';
import { Shuffle } from './shuffle.ts';

/** One sample with its label: a class number, or a row of values in the model's output shape. */
export interface Sample {
  input: Float32Array | Int32Array | BigInt64Array;
  label: number | Float32Array | Int32Array;
}

export interface DataLoaderOptions {
  /** Samples in all, as many as the index has. */
  count: number;
  /** Shape of one sample's input. */
  shape: number[];
  /** Brings the samples at these positions of the index, in this order. Called once per batch, ahead of its use. */
  load: (indices: readonly number[], signal?: AbortSignal) => Promise<Sample[]> | Sample[];
  /**
   * Changes a sample for training (flip, crop, noise); not used for validation. The generator is seeded by epoch and index, so
   * that a resumed training augments alike.
   */
  map?: (sample: Sample, random: Random, index: number) => Sample;
  /** Default true. Validation always takes the order of the index. */
  shuffle?: boolean;
  /** Batches that are loaded ahead at most, 0 for none. Default 2. */
  prefetch?: number;
  /** Changes when the data does: a checkpoint is only resumed on the same version. Default ''. */
  version?: string;
}

export interface BatchesRequest {
  batchSize: number;
  /** Batches to leave out at the start. Default 0. */
  from?: number;
  /** Order and augmentations of this pass. Left out: the order of the index, no augmentation. */
  seed?: number;
  signal?: AbortSignal;
}

/** Samples of one batch, row after row, with their positions in the index. */
export interface LoadedBatch {
  inputs: Sample['input'];
  labels: Int32Array | Float32Array;
  shape: number[];
  count: number;
  indices: readonly number[];
}

/** Batches of samples that are loaded when they are needed; memory holds `prefetch` + 1 batches, whatever the index's length. */
export class DataLoader {
  readonly count: number;
  readonly shape: number[];
  readonly version: string;
  readonly #options: DataLoaderOptions;

  constructor(options: DataLoaderOptions) {
    const { count, prefetch = 2 } = options;
    if (!Number.isSafeInteger(count) || count < 1)
      throw new Error(`option count: ${count} is not a whole number above 0`);
    if (!Number.isInteger(prefetch) || prefetch < 0) {
      throw new Error(`option prefetch: ${prefetch} is not a whole number from 0 up`);
    }
    this.#options = options;
    this.count = count;
    this.shape = options.shape;
    this.version = options.version ?? '';
  }

  /** All batches once; the last one may be smaller. A load that fails ends the pass with its error. */
  async *batches(request: BatchesRequest): AsyncGenerator<LoadedBatch> {
    const { batchSize, from = 0, signal } = request;
    const total = Math.ceil(this.count / batchSize);
    const shuffled = request.seed !== undefined && (this.#options.shuffle ?? true);
    const order = shuffled ? new Shuffle(this.count, request.seed ?? 0) : undefined;
    const ahead: Promise<LoadedBatch>[] = [];
    let next = from;
    for (let batch = from; batch < total; batch++) {
      while (next < total && next <= batch + (this.#options.prefetch ?? 2)) {
        const loading = this.#load(this.#indices(next++, batchSize, order), request);
        // Whoever awaits it sees the error; until then it must not count as unhandled.
        loading.catch(() => undefined);
        ahead.push(loading);
      }
      signal?.throwIfAborted();
      const loaded = await ahead.shift();
      if (loaded) yield loaded;
    }
  }

  #indices(batch: number, batchSize: number, order: Shuffle | undefined): number[] {
    const start = batch * batchSize;
    const rows = Math.min(batchSize, this.count - start);
    return Array.from({ length: rows }, (_, i) => (order ? order.at(start + i) : start + i));
  }

  async #load(indices: number[], { seed, signal }: BatchesRequest): Promise<LoadedBatch> {
    const { load, map } = this.#options;
    const samples = await load(indices, signal);
    if (samples.length !== indices.length) {
      throw new Error(`the loader was asked for ${indices.length} samples and gave ${samples.length}`);
    }
    const mapped =
      map && seed !== undefined
        ? samples.map((sample, i) => map(sample, seeded(seed, indices[i] ?? 0), indices[i] ?? 0))
        : samples;
    return { ...stack(mapped, indices), shape: this.shape, count: indices.length, indices };
  }
}

/** A generator for one sample in one pass. */
function seeded(seed: number, index: number): Random {
  return new Random((Math.imul(index, 0x9e3779b9) ^ seed) >>> 0);
}

/** Rows behind one another; all of the type and length of the first. */
function stack(samples: readonly Sample[], indices: readonly number[]): Pick<LoadedBatch, 'inputs' | 'labels'> {
  const [first] = samples;
  if (!first) throw new Error('a batch has no samples');
  const inputs = emptyLike(first.input, samples.length);
  const classes = typeof first.label === 'number';
  const labels =
    typeof first.label === 'number' ? new Int32Array(samples.length) : emptyLike(first.label, samples.length);
  samples.forEach(({ input, label }, row) => {
    const fits = input.length === first.input.length && input.constructor === first.input.constructor;
    const labelFits = classes
      ? typeof label === 'number'
      : typeof label === 'object' && label.length * samples.length === labels.length;
    if (!fits || !labelFits) {
      throw new Error(`sample ${indices[row]} differs from sample ${indices[0]} in type or length of input or label`);
    }
    (inputs as Float32Array).set(input as Float32Array, row * input.length);
    if (typeof label === 'number') labels[row] = label;
    else labels.set(label, row * label.length);
  });
  return { inputs, labels };
}

function emptyLike<T extends Sample['input']>(array: T, rows: number): T {
  const make = array.constructor as new (length: number) => T;
  return new make(array.length * rows);
}
