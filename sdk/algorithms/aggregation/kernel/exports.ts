import { halfTable, toHalf } from '../../../tensors/half.ts';
import { WASM_BASE64 } from './wasm-binary.ts';
import { webAssembly, type SharedMemory } from './web-assembly.ts';

/** Functions over one memory; contracts in kernel.wat. All arguments are byte addresses or counts. */
export interface KernelFunctions {
  mean_f32: (columns: number, weights: number, k: number, out: number, n: number) => void;
  mean_f64: (columns: number, weights: number, k: number, out: number, n: number) => void;
  sort_f32: (columns: number, network: number, m: number, n: number) => void;
  sort_f64: (columns: number, network: number, m: number, n: number) => void;
  distance_f32: (p: number, q: number, n: number) => number;
  distance_f64: (p: number, q: number, n: number) => number;
  from_f16: (from: number, to: number, n: number) => void;
  to_f16: (from: number, to: number, n: number) => void;
}

const binary = (): Uint8Array => Buffer.from(WASM_BASE64, 'base64');
let compiled: object | undefined;

/** The WebAssembly kernel on a shared memory. Throws where the platform has no SIMD or threads. */
export function wasmKernel(memory: SharedMemory): KernelFunctions {
  const { Module, Instance } = webAssembly();
  compiled ??= new Module(binary());
  return new Instance(compiled, { env: { memory } }).exports as KernelFunctions;
}

/** Whether this platform runs the WebAssembly kernel. */
export const hasWasm = (): boolean => 'WebAssembly' in globalThis && webAssembly().validate(binary());

/** Plain JavaScript with the same contract and the same bits: the operations and their order are those of kernel.wat. */
export function scalarKernel(memory: ArrayBufferLike): KernelFunctions {
  const f32 = new Float32Array(memory);
  const f64 = new Float64Array(memory);
  const u16 = new Uint16Array(memory);
  const i32 = new Int32Array(memory);
  return {
    mean_f32: (columns, weights, k, out, n) =>
      mean(f32, column(i32, columns, k, 2), f64.subarray(weights >> 3), out >> 2, n),
    mean_f64: (columns, weights, k, out, n) =>
      mean(f64, column(i32, columns, k, 3), f64.subarray(weights >> 3), out >> 3, n),
    sort_f32: (columns, network, m, n) =>
      sort(f32, (c) => (i32[(columns >> 2) + c] as number) >> 2, i32.subarray(network >> 2, (network >> 2) + 2 * m), n),
    sort_f64: (columns, network, m, n) =>
      sort(f64, (c) => (i32[(columns >> 2) + c] as number) >> 3, i32.subarray(network >> 2, (network >> 2) + 2 * m), n),
    distance_f32: (p, q, n) => distance(f32.subarray(p >> 2), f32.subarray(q >> 2), n),
    distance_f64: (p, q, n) => distance(f64.subarray(p >> 3), f64.subarray(q >> 3), n),
    from_f16: (from, to, n) => {
      const table = halfTable();
      for (let i = 0; i < n; i++) f32[(to >> 2) + i] = table[u16[(from >> 1) + i] as number] as number;
    },
    to_f16: (from, to, n) => {
      for (let i = 0; i < n; i++) u16[(to >> 1) + i] = toHalf(f32[(from >> 2) + i] as number);
    },
  };
}

type Floats = Float32Array | Float64Array;

const column = (i32: Int32Array, columns: number, k: number, shift: number): number[] =>
  Array.from(i32.subarray(columns >> 2, (columns >> 2) + k), (address) => address >> shift);

function mean(values: Floats, columns: readonly number[], weights: Float64Array, out: number, n: number): void {
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let k = 0; k < columns.length; k++)
      sum += (weights[k] as number) * (values[(columns[k] as number) + i] as number);
    values[out + i] = sum;
  }
}

function sort(values: Floats, place: (column: number) => number, network: Int32Array, n: number): void {
  for (let pair = 0; pair < network.length; pair += 2) {
    const p = place(network[pair] as number);
    const q = place(network[pair + 1] as number);
    for (let i = 0; i < n; i++) {
      const x = values[p + i] as number;
      const y = values[q + i] as number;
      values[p + i] = y < x ? y : x;
      values[q + i] = x < y ? y : x;
    }
  }
}

function distance(p: Floats, q: Floats, n: number): number {
  const sums = new Float64Array(8);
  for (let i = 0; i < n; i++) {
    const difference = (p[i] as number) - (q[i] as number);
    sums[i & 7] = (sums[i & 7] as number) + difference * difference;
  }
  const lane = (l: number): number =>
    (sums[l] as number) + (sums[l + 2] as number) + (sums[l + 4] as number) + (sums[l + 6] as number);
  return lane(0) + lane(1);
}
