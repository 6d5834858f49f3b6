import type { TensorType } from '../tensor.ts';

/** Element types by their names in the Open Inference Protocol. */
export const WIRE_TYPES = {
  BOOL: 'bool',
  UINT8: 'uint8',
  UINT16: 'uint16',
  UINT32: 'uint32',
  UINT64: 'uint64',
  INT8: 'int8',
  INT16: 'int16',
  INT32: 'int32',
  INT64: 'int64',
  FP16: 'float16',
  FP32: 'float32',
  FP64: 'float64',
  BYTES: 'string',
} as const satisfies Record<string, TensorType>;

export type WireType = keyof typeof WIRE_TYPES;

const WIRE_NAMES = Object.fromEntries(Object.entries(WIRE_TYPES).map(([wire, type]) => [type, wire])) as Record<
  TensorType,
  WireType
>;

export const wireType = (type: TensorType): WireType => WIRE_NAMES[type];
