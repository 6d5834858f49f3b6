import { TensorError } from './errors.ts';

/** Bytes per element of the dtypes of the safetensors format that this SDK reads. */
export const DTYPE_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
} as const;

export type Dtype = keyof typeof DTYPE_BYTES;

/** Dtypes that are averaged, clipped and checked for finite values. */
export const FLOAT_DTYPES = ['F16', 'F32', 'F64'] as const;

export type FloatDtype = (typeof FLOAT_DTYPES)[number];

export const isDtype = (value: unknown): value is Dtype =>
  typeof value === 'string' && Object.hasOwn(DTYPE_BYTES, value);

export const isFloat = (dtype: Dtype): dtype is FloatDtype => (FLOAT_DTYPES as readonly string[]).includes(dtype);

/** Throws `DtypeUnsupported` that names the tensor unless it holds F16, F32 or F64. */
export function requireFloat(name: string, dtype: Dtype): FloatDtype {
  if (isFloat(dtype)) return dtype;
  throw new TensorError(
    'DtypeUnsupported',
    `tensor ${JSON.stringify(name)}: is ${dtype}; weights must be ${FLOAT_DTYPES.join(', ')} (exclude the layer, or convert it)`,
  );
}
