import { readSync, writeSync } from 'node:fs';
import { DTYPE_BYTES, type FloatDtype } from '../../../tensors/dtype.ts';
import { TensorError } from '../../../tensors/errors.ts';
import { closestToMedian } from './closest.ts';
import { hasWasm, scalarKernel, wasmKernel, type KernelFunctions } from './exports.ts';
import { blockElements, type Place, type Segment } from './operation.ts';
import { sortingNetwork } from './sorting-network.ts';
import { sharedMemory } from './web-assembly.ts';

const LINE = 64;

/** Where everything lies in the memory of one runner, for one number of clients and one dtype. */
interface Arena {
  block: number;
  /** Type that is computed in: halves are computed as singles. */
  wide: 'F32' | 'F64';
  columns: number[];
  out: number;
  raw: number;
  table: number;
  weights: number;
  network: number;
  pairs: number;
}

/** Runs segments block by block in a memory of its own: one block per client, one of output, however large the files are. */
export class BlockRunner {
  readonly #wasm: boolean;
  #buffer: ArrayBufferLike = new ArrayBuffer(0);
  #kernel: KernelFunctions | undefined;
  #arena: (Arena & { clients: number; dtype: FloatDtype }) | undefined;

  constructor({ wasm = hasWasm() }: { wasm?: boolean } = {}) {
    this.#wasm = wasm;
  }

  /** Squared distances (clients × clients, row by row) where the operation asks for them. */
  run(segment: Segment): Float64Array | undefined {
    const arena = this.#arenaFor(segment.inputs.length, segment.dtype);
    const distances = segment.operation.kind === 'distances' ? new Float64Array(arena.columns.length ** 2) : undefined;
    this.#setWeights(segment, arena);
    for (let start = 0; start < segment.count; start += arena.block) {
      const count = Math.min(arena.block, segment.count - start);
      this.#load(segment, arena, { start, count });
      this.#compute(segment, arena, { count, distances });
      if (segment.output) this.#store(segment.dtype, arena, { place: segment.output, start, count });
    }
    return distances;
  }

  get #functions(): KernelFunctions {
    if (!this.#kernel) throw new Error('no memory yet');
    return this.#kernel;
  }

  #load({ inputs, dtype }: Segment, arena: Arena, { start, count }: { start: number; count: number }): void {
    const size = DTYPE_BYTES[dtype];
    inputs.forEach((place, client) => {
      const column = arena.columns[client] as number;
      const to = dtype === 'F16' ? arena.raw : column;
      const target = new Uint8Array(this.#buffer, to, count * size);
      readExactly(place, start * size, target);
      // Elements up to the next full line are computed too; what they hold must be a number, and add nothing to a distance.
      new Uint8Array(this.#buffer, to + count * size, padded(count) * size - count * size).fill(0);
      if (dtype === 'F16') this.#functions.from_f16(to, column, padded(count));
    });
  }

  #compute(
    { operation }: Segment,
    arena: Arena,
    { count, distances }: { count: number; distances?: Float64Array | undefined },
  ): void {
    const { wide, columns, table, weights, out, network, pairs } = arena;
    const n = padded(count);
    const kernel = this.#functions;
    const [mean, sort] = wide === 'F64' ? [kernel.mean_f64, kernel.sort_f64] : [kernel.mean_f32, kernel.sort_f32];
    if (operation.kind === 'ranked' || operation.kind === 'closest') sort(table, network, pairs, n);
    if (operation.kind === 'mean' || operation.kind === 'ranked') mean(table, weights, columns.length, out, n);
    if (operation.kind === 'closest') {
      const view = (address: number) =>
        wide === 'F64' ? new Float64Array(this.#buffer, address, n) : new Float32Array(this.#buffer, address, n);
      closestToMedian(columns.map(view), operation.keep, view(out));
    }
    if (distances) this.#addDistances(arena, n, distances);
  }

  #addDistances({ wide, columns }: Arena, n: number, distances: Float64Array): void {
    const distance = wide === 'F64' ? this.#functions.distance_f64 : this.#functions.distance_f32;
    const k = columns.length;
    for (let a = 0; a < k; a++) {
      for (let b = a + 1; b < k; b++) {
        const sum = (distances[a * k + b] as number) + distance(columns[a] as number, columns[b] as number, n);
        distances[a * k + b] = distances[b * k + a] = sum;
      }
    }
  }

  #store(
    dtype: FloatDtype,
    { out, raw }: Arena,
    { place, start, count }: { place: Place; start: number; count: number },
  ): void {
    const size = DTYPE_BYTES[dtype];
    if (dtype === 'F16') this.#functions.to_f16(out, raw, padded(count));
    writeExactly(place, start * size, new Uint8Array(this.#buffer, dtype === 'F16' ? raw : out, count * size));
  }

  #setWeights({ operation }: Segment, { weights }: Arena): void {
    if (operation.kind === 'mean' || operation.kind === 'ranked') {
      new Float64Array(this.#buffer, weights, operation.weights.length).set(operation.weights);
    }
  }

  #arenaFor(clients: number, dtype: FloatDtype): Arena {
    if (this.#arena?.clients === clients && this.#arena.dtype === dtype) return this.#arena;
    const wide = dtype === 'F64' ? 'F64' : 'F32';
    const block = blockElements(clients, DTYPE_BYTES[wide]);
    const pairs = sortingNetwork(clients);
    let end = LINE;
    const take = (bytes: number): number => {
      const address = end;
      // The odd line keeps equal places of two blocks out of the same set of the first-level cache.
      end += Math.ceil(bytes / LINE) * LINE + LINE;
      return address;
    };
    const [table, weights, network] = [take(clients * 4), take(clients * 8), take(pairs.byteLength)];
    const bytes = block * DTYPE_BYTES[wide];
    const [raw, out] = [take(bytes), take(bytes)];
    const columns = Array.from({ length: clients }, () => take(bytes));
    this.#reserve(end);
    new Int32Array(this.#buffer, table, clients).set(columns);
    new Int32Array(this.#buffer, network, pairs.length).set(pairs);
    this.#arena = { clients, dtype, block, wide, columns, out, raw, table, weights, network, pairs: pairs.length / 2 };
    return this.#arena;
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#buffer.byteLength) return;
    if (this.#wasm) {
      const memory = sharedMemory(bytes);
      this.#buffer = memory.buffer;
      this.#kernel = wasmKernel(memory);
    } else {
      this.#buffer = new ArrayBuffer(Math.ceil(bytes / LINE) * LINE);
      this.#kernel = scalarKernel(this.#buffer);
    }
  }
}

const padded = (count: number): number => Math.ceil(count / 16) * 16;

function readExactly({ fd, position }: Place, offset: number, target: Uint8Array): void {
  let done = 0;
  while (done < target.length) {
    const read = readSync(fd, target, done, target.length - done, position + offset + done);
    if (read === 0) throw new TensorError('NotTensors', 'an update was cut while it was read');
    done += read;
  }
}

function writeExactly({ fd, position }: Place, offset: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done, position + offset + done);
}
