import { DTYPE_BYTES, type FloatDtype } from './dtype.ts';
import { halfTable, toHalf } from './half.ts';

/**
 * Raw little-endian bytes of F16, F32 or F64 elements as doubles, into `into` if given (as many as there are). Exact.
 * The project runs on little-endian machines only, as Node does.
 */
export function decodeElements(dtype: FloatDtype, bytes: Uint8Array, into?: Float64Array): Float64Array {
  const count = bytes.byteLength / DTYPE_BYTES[dtype];
  const values = into ? into.subarray(0, count) : new Float64Array(count);
  const raw = typed(dtype, bytes);
  if (raw instanceof Uint16Array) {
    const table = halfTable();
    for (let i = 0; i < count; i++) values[i] = table[raw[i] as number] as number;
  } else {
    values.set(raw);
  }
  return values;
}

/** Doubles as raw bytes of F16, F32 or F64, rounded to nearest, ties to even. */
export function encodeElements(dtype: FloatDtype, values: Float64Array): Uint8Array {
  if (dtype === 'F64') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (dtype === 'F32') return new Uint8Array(Float32Array.from(values).buffer);
  return new Uint8Array(Uint16Array.from(values, toHalf).buffer);
}

/** A view of the bytes in their type (halves as their bits), or of a copy where they are not aligned. */
export function typed(dtype: FloatDtype, bytes: Uint8Array): Float32Array | Float64Array | Uint16Array {
  const aligned = bytes.byteOffset % DTYPE_BYTES[dtype] === 0 ? bytes : bytes.slice();
  const { buffer, byteOffset } = aligned;
  const count = bytes.byteLength / DTYPE_BYTES[dtype];
  if (dtype === 'F64') return new Float64Array(buffer, byteOffset, count);
  if (dtype === 'F32') return new Float32Array(buffer, byteOffset, count);
  return new Uint16Array(buffer, byteOffset, count);
}
