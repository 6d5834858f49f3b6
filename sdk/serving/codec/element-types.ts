import type { Tensor, TensorType } from '../../tensor.ts';

/** Element types by their names in the Open Inference Protocol. BF16 is not there: ONNX Runtime's binding cannot hold it. */
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

/** Undefined for a name that the protocol does not have. */
export function typeOfWire(datatype: string): TensorType | undefined {
  return Object.hasOwn(WIRE_TYPES, datatype) ? WIRE_TYPES[datatype as WireType] : undefined;
}

export type NumericType = Exclude<TensorType, 'string'>;

interface NumericConstructor {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): ArrayBufferView & ArrayLike<number | bigint>;
}

/** How the elements of each type are kept; FP16 as its bits. */
const ARRAYS: Record<NumericType, NumericConstructor> = {
  bool: Uint8Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  float16: Uint16Array,
  float32: Float32Array,
  float64: Float64Array,
};

export const bytesPerElement = (type: NumericType): number => ARRAYS[type].BYTES_PER_ELEMENT;

/** The elements in `bytes`, little-endian as every platform of Node.js; without a copy where they lie on a multiple of their size. */
export function numbersIn(type: NumericType, bytes: Uint8Array): Tensor['data'] {
  const Constructor = ARRAYS[type];
  const size = Constructor.BYTES_PER_ELEMENT;
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return new Constructor(aligned.buffer, aligned.byteOffset, Math.floor(bytes.byteLength / size));
}

/** Elements of a shape. An overflowing product is merely a count that nothing has. */
export const elementsOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
