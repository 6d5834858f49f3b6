/** Tensors as the binary tensor data extension and gRPC's raw contents have them: row-major, little-endian; BYTES with lengths. */
import { isUtf8 } from 'node:buffer';
import type { Tensor, TensorType } from '../../tensor.ts';
import { badInput } from './bad-input.ts';
import { bytesPerElement, elementsOf, numbersIn, wireType } from './element-types.ts';

/** What is before each element of a BYTES tensor: its length, uint32. */
const LENGTH_BYTES = 4;

/** Elements of a BYTES tensor at most: each becomes an object, which takes far more than its four bytes here. */
const MAX_ELEMENTS = 1024 * 1024;

export interface BinaryTensor {
  name: string;
  datatype: TensorType;
  shape: number[];
  /** BYTES elements are files: handed over as they are. Default: they are UTF-8 text. */
  binary?: boolean;
}

/** Reads the bytes of a tensor, without a copy where they are aligned. Refuses a wrong size and values that the type has not. */
export function readBinaryTensor({ name, datatype, shape, binary = false }: BinaryTensor, bytes: Uint8Array): Tensor {
  if (datatype === 'string') return { datatype, shape, data: readElements({ name, shape, binary }, bytes) };
  const expected = elementsOf(shape) * bytesPerElement(datatype);
  if (bytes.byteLength !== expected) {
    const type = wireType(datatype);
    throw badInput(name, `has ${bytes.byteLength} bytes; ${type} of shape [${shape.join(', ')}] needs ${expected}`);
  }
  if (datatype === 'bool' && bytes.some((byte) => byte > 1)) throw badInput(name, 'has a BOOL other than 0 and 1');
  return { datatype, shape, data: numbersIn(datatype, bytes) };
}

function readElements(
  { name, shape, binary }: { name: string; shape: number[]; binary: boolean },
  bytes: Uint8Array,
): (string | Uint8Array)[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const elements: (string | Uint8Array)[] = [];
  const count = elementsOf(shape);
  if (count > MAX_ELEMENTS)
    throw badInput(name, `has ${count} elements of BYTES; at most ${MAX_ELEMENTS} fit in one tensor`);
  for (let at = 0; at < buffer.byteLength;) {
    if (elements.length === count)
      throw badInput(name, `has more elements than the ${count} of shape [${shape.join(', ')}]`);
    const start = at + LENGTH_BYTES;
    const end = start <= buffer.byteLength ? start + buffer.readUInt32LE(at) : Infinity;
    if (end > buffer.byteLength) throw badInput(name, `element ${elements.length} is cut off`);
    const element = buffer.subarray(start, end);
    if (!binary && !isUtf8(element)) throw badInput(name, `element ${elements.length} is not UTF-8`);
    elements.push(binary ? element : element.toString());
    at = end;
  }
  if (elements.length === count) return elements;
  throw badInput(name, `has ${elements.length} elements; shape [${shape.join(', ')}] needs ${count}`);
}

/** The bytes of a tensor: for numbers a view of its own memory, so send it before that changes. */
export function binaryOf({ datatype, data }: Tensor): Uint8Array {
  if (datatype === 'string') return writeElements(data as ArrayLike<string | Uint8Array>);
  if (ArrayBuffer.isView(data)) {
    const { buffer, byteOffset, byteLength } = data as ArrayBufferView;
    if (byteLength === data.length * bytesPerElement(datatype)) return new Uint8Array(buffer, byteOffset, byteLength);
  }
  return binaryOf({ datatype, shape: [], data: copied(datatype, data) });
}

/** Of a plain list, as functions served as models may give it. */
function copied(datatype: Exclude<TensorType, 'string'>, data: ArrayLike<unknown>): Tensor['data'] {
  const target = numbersIn(datatype, new Uint8Array(data.length * bytesPerElement(datatype)));
  const cells = target as unknown as (number | bigint)[];
  for (let i = 0; i < data.length; i++) {
    const value = data[i] as number | bigint | boolean;
    cells[i] = typeof value === 'boolean' ? Number(value) : value;
  }
  return target;
}

function writeElements(data: ArrayLike<string | Uint8Array>): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const element of Array.from(data)) {
    const bytes = typeof element === 'string' ? Buffer.from(element) : element;
    const length = Buffer.allocUnsafe(LENGTH_BYTES);
    length.writeUInt32LE(bytes.byteLength);
    parts.push(length, bytes);
  }
  return Buffer.concat(parts);
}
