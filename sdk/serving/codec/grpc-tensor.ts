/** Typed contents of gRPC tensors, for callers that do not send raw bytes. */
import type { Tensor, TensorType } from '../../tensor.ts';
import { badInput } from './bad-input.ts';
import { elementsOf } from './element-types.ts';

type Int64 = number | { toString(): string };

/** As the codec gives them: lists that were not sent are empty or missing. */
export interface TensorContents {
  bool_contents?: boolean[];
  int_contents?: number[];
  int64_contents?: Int64[];
  uint_contents?: number[];
  uint64_contents?: Int64[];
  fp32_contents?: number[];
  fp64_contents?: number[];
  bytes_contents?: Uint8Array[];
}

type Field = keyof TensorContents;

const FIELDS: Record<TensorType, Field | undefined> = {
  bool: 'bool_contents',
  int8: 'int_contents',
  int16: 'int_contents',
  int32: 'int_contents',
  int64: 'int64_contents',
  uint8: 'uint_contents',
  uint16: 'uint_contents',
  uint32: 'uint_contents',
  uint64: 'uint64_contents',
  float16: undefined,
  float32: 'fp32_contents',
  float64: 'fp64_contents',
  string: 'bytes_contents',
};

/** Narrower types share a list with wider ones: a value that does not survive the way there and back is refused. */
const MAKE: Record<TensorType, (values: never[]) => Tensor['data']> = {
  bool: (values: boolean[]) => Uint8Array.from(values, Number),
  int8: (values: number[]) => Int8Array.from(values),
  int16: (values: number[]) => Int16Array.from(values),
  int32: (values: number[]) => Int32Array.from(values),
  int64: (values: Int64[]) => BigInt64Array.from(values, (value) => BigInt(value.toString())),
  uint8: (values: number[]) => Uint8Array.from(values),
  uint16: (values: number[]) => Uint16Array.from(values),
  uint32: (values: number[]) => Uint32Array.from(values),
  uint64: (values: Int64[]) => BigUint64Array.from(values, (value) => BigInt(value.toString())),
  float16: () => [],
  float32: (values: number[]) => Float32Array.from(values),
  float64: (values: number[]) => Float64Array.from(values),
  string: (values: Uint8Array[]) => values,
};

export function readContents(
  { name, datatype, shape, binary = false }: { name: string; datatype: TensorType; shape: number[]; binary?: boolean },
  contents: TensorContents | null | undefined,
): Tensor {
  const field = FIELDS[datatype];
  if (field === undefined) throw badInput(name, 'FP16 has no typed contents; send raw_input_contents');
  const values: readonly unknown[] = contents?.[field] ?? [];
  const count = elementsOf(shape);
  if (values.length !== count) {
    throw badInput(name, `${field} has ${values.length} elements; shape [${shape.join(', ')}] needs ${count}`);
  }
  if (datatype === 'string')
    return { datatype, shape, data: binary ? values : (values as Uint8Array[]).map(text(name)) };
  const data = MAKE[datatype](values as never[]);
  if (field === 'int_contents' || field === 'uint_contents') {
    const lost = values.findIndex((value, i) => value !== data[i]);
    if (lost >= 0) throw badInput(name, `element ${lost} is ${String(values[lost])}, which ${datatype} cannot hold`);
  }
  return { datatype, shape, data };
}

const decoder = new TextDecoder('utf-8', { fatal: true });

const text = (name: string) => (bytes: Uint8Array, i: number) => {
  try {
    return decoder.decode(bytes);
  } catch {
    throw badInput(name, `element ${i} is not UTF-8`);
  }
};
