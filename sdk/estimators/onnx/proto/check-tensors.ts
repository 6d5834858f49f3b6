import { OnnxError } from '../errors.ts';
import { toNumber, type TensorProto } from './types.ts';

const EXTERNAL = 1;
/** Bytes of an element by TensorProto.DataType, where they are fixed (onnx.proto; strings and packed 4-bit types are not). */
const BYTES: Record<number, number> = {
  1: 4,
  2: 1,
  3: 1,
  4: 2,
  5: 2,
  6: 4,
  7: 8,
  9: 1,
  10: 2,
  11: 8,
  12: 4,
  13: 8,
  16: 2,
};
/** Bytes that a protobuf message can hold at all. */
const MAX_BYTES = 2 ** 31;

/**
 * Refuses tensors anywhere in a decoded model (initializers, attributes, subgraphs, functions) that point to another file, or whose
 * declared shape is not that of their data: a declared size must never be what somebody allocates.
 */
export function checkTensors(message: unknown, origin: string): void {
  if (Array.isArray(message)) return message.forEach((item) => checkTensors(item, origin));
  if (typeof message !== 'object' || message === null || ArrayBuffer.isView(message)) return;
  if (Object.hasOwn(message, 'dataType') || Object.hasOwn(message, 'dataLocation')) {
    const problem = problemOf(message as TensorProto);
    const { name = '' } = message as TensorProto;
    if (problem !== undefined)
      throw new OnnxError('InvalidModel', `${origin}: tensor ${name.slice(0, 100)} ${problem}`);
    return;
  }
  for (const member of Object.values(message)) checkTensors(member, origin);
}

function problemOf(tensor: TensorProto): string | undefined {
  if (tensor.dataLocation === EXTERNAL) return 'keeps its data in another file; save the model as one file';
  const dims = (tensor.dims ?? []).map(toNumber);
  if (dims.some((dim) => dim < 0)) return `has the shape [${dims}], which has a negative dimension`;
  const size = dims.reduce((product, dim) => product * dim, 1);
  if (size * (BYTES[tensor.dataType] ?? 1) >= MAX_BYTES) {
    return `has the shape [${dims}], which is larger than any model file`;
  }
  const has = lengthOf(tensor);
  return has === undefined || has === size ? undefined : `has ${has} values, its shape [${dims}] needs ${size}`;
}

/** Values that it holds; undefined for types whose values are not counted here. */
function lengthOf(tensor: TensorProto): number | undefined {
  const width = BYTES[tensor.dataType];
  if (width === undefined) return undefined;
  const raw = tensor.rawData?.byteLength ?? 0;
  return raw > 0 ? raw / width : typedLength(tensor);
}

/** Values outside `rawData`; undefined for types whose list is not read here. */
function typedLength({ dataType, floatData, int32Data, int64Data, doubleData }: TensorProto): number | undefined {
  if (dataType === 12 || dataType === 13) return undefined;
  const lists: Record<number, { length: number } | undefined> = { 1: floatData, 7: int64Data, 11: doubleData };
  return (dataType in lists ? lists[dataType] : int32Data)?.length ?? 0;
}
