/** Element types of tensors, by the names of ONNX Runtime. */
export type TensorType =
  | 'float32'
  | 'float64'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'bool'
  | 'string'
  | 'float16';

/** Element type, shape and row-major values. `bool` is a Uint8Array of 0 and 1, `string` an array of strings. */
export interface Tensor {
  datatype: TensorType;
  shape: number[];
  data: ArrayLike<unknown>;
}

/** A named input or output. A dimension that is text, or negative, takes any size. */
export interface TensorInfo {
  name: string;
  datatype: TensorType;
  shape: readonly (number | string)[];
}

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
