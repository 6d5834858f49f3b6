import { OnnxError } from '../errors.ts';
import { DataType, toNumber } from '../proto/types.ts';
import type { TensorProto } from '../proto/types.ts';
import { showShape, sizeOf } from './shape.ts';
import type { Shape } from './shape.ts';

const EXTERNAL = 1;

export function floatTensor(name: string, shape: Shape, data: Float32Array): TensorProto {
  const rawData = new Uint8Array(data.slice().buffer);
  return { name, dims: [...shape], dataType: DataType.float32, rawData };
}

export function intTensor(name: string, shape: Shape, values: readonly number[]): TensorProto {
  const rawData = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  return { name, dims: [...shape], dataType: DataType.int64, rawData };
}

export function tensorShape(tensor: TensorProto): number[] {
  return (tensor.dims ?? []).map(toNumber);
}

/** A copy of the values of a float32 tensor, whichever of ONNX's encodings it uses. */
export function readFloats(tensor: TensorProto): Float32Array {
  if (tensor.dataType !== DataType.float32) throw wrongType(tensor, 'float32');
  const raw = rawBytes(tensor);
  return checkedLength(tensor, raw ? new Float32Array(raw) : Float32Array.from(tensor.floatData ?? []));
}

/** Values of an int64, int32 or bool tensor as numbers. */
export function readInts(tensor: TensorProto): number[] {
  const raw = rawBytes(tensor);
  if (tensor.dataType === DataType.int64) {
    const values = raw ? Array.from(new BigInt64Array(raw), Number) : (tensor.int64Data ?? []).map(toNumber);
    return checkedLength(tensor, values);
  }
  if (tensor.dataType === DataType.bool) {
    return checkedLength(tensor, raw ? Array.from(new Uint8Array(raw)) : [...(tensor.int32Data ?? [])]);
  }
  if (tensor.dataType !== DataType.int32) throw wrongType(tensor, 'int64');
  return checkedLength(tensor, raw ? Array.from(new Int32Array(raw)) : [...(tensor.int32Data ?? [])]);
}

function rawBytes(tensor: TensorProto): ArrayBuffer | undefined {
  if (tensor.dataLocation === EXTERNAL) {
    throw new OnnxError(
      'InvalidModel',
      `initializer ${tensor.name} keeps its data in another file; save the model as one file`,
    );
  }
  // A decoded message shares one buffer among all fields, so the bytes are rarely aligned: copy.
  return tensor.rawData?.byteLength ? new Uint8Array(tensor.rawData).buffer : undefined;
}

function checkedLength<T extends { length: number }>(tensor: TensorProto, values: T): T {
  const shape = tensorShape(tensor);
  if (values.length === sizeOf(shape)) return values;
  throw new OnnxError(
    'InvalidModel',
    `initializer ${tensor.name} has ${values.length} values, its shape ${showShape(shape)} needs ${sizeOf(shape)}`,
  );
}

function wrongType(tensor: TensorProto, expected: string): OnnxError {
  return new OnnxError('InvalidModel', `tensor ${tensor.name} has data type ${tensor.dataType}, expected ${expected}`);
}
