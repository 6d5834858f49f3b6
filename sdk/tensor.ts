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
