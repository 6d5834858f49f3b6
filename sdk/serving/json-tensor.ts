import { InferenceError } from './errors.ts';
import { WIRE_TYPES, wireType } from './tensor.ts';
import type { Tensor, TensorType } from '../tensor.ts';

/** A tensor as the protocol writes it in JSON; `data` may be flat or nested. */
export interface JsonTensor {
  name: string;
  shape: number[];
  datatype: string;
  data: unknown;
}

type Integers = Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array | Uint32Array;

const INTEGERS: Partial<Record<TensorType, { make: (values: number[]) => Integers; min: number; max: number }>> = {
  int8: { make: (values) => Int8Array.from(values), min: -128, max: 127 },
  int16: { make: (values) => Int16Array.from(values), min: -32768, max: 32767 },
  int32: { make: (values) => Int32Array.from(values), min: -(2 ** 31), max: 2 ** 31 - 1 },
  uint8: { make: (values) => Uint8Array.from(values), min: 0, max: 255 },
  uint16: { make: (values) => Uint16Array.from(values), min: 0, max: 65535 },
  uint32: { make: (values) => Uint32Array.from(values), min: 0, max: 2 ** 32 - 1 },
};

/** Reads a tensor of a request. Refuses unknown types, wrong element counts and values that do not fit, by the input's name. */
export function decodeTensor({ name, shape, datatype, data }: JsonTensor): Tensor {
  const type = Object.hasOwn(WIRE_TYPES, datatype) ? WIRE_TYPES[datatype as keyof typeof WIRE_TYPES] : undefined;
  if (!type) throw bad(name, `datatype "${datatype}" is unknown; known: ${Object.keys(WIRE_TYPES).join(', ')}`);
  const values = flatten(data, name);
  // Multiplied in floating point: an overflowing product is merely another wrong count.
  const count = shape.reduce((product, size) => product * size, 1);
  if (values.length !== count) {
    throw bad(name, `data has ${values.length} elements; shape [${shape.join(', ')}] needs ${count}`);
  }
  return { datatype: type, shape, data: typed(values, type, name) };
}

/** Writes a tensor of a response, flat. JSON has no NaN or infinity: they become `null`. */
export function encodeTensor(name: string, { datatype, shape, data }: Tensor) {
  const values = Array.from(data, (value) => plain(value, datatype));
  return { name, shape: [...shape], datatype: wireType(datatype), data: values };
}

function plain(value: unknown, type: TensorType): unknown {
  if (type === 'bool') return Boolean(value);
  if (typeof value !== 'bigint') return value;
  // Beyond 2^53 a JSON number would silently be another one.
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value.toString();
}

function flatten(data: unknown, name: string): unknown[] {
  if (!Array.isArray(data)) throw bad(name, 'data must be an array');
  if (!data.some(Array.isArray)) return data as unknown[];
  try {
    return data.flat(Infinity) as unknown[];
  } catch (error) {
    throw bad(name, `data is nested too deep (${(error as Error).message})`);
  }
}

function typed(values: unknown[], type: TensorType, name: string): Tensor['data'] {
  const integers = INTEGERS[type];
  if (integers) {
    const { make, min, max } = integers;
    const fits = (value: unknown) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
    return make(ensure<number>(values, fits, { name, expected: `a whole number from ${min} to ${max}` }));
  }
  switch (type) {
    case 'float32':
      return Float32Array.from(ensure<number>(values, isNumber, { name, expected: 'a number' }));
    case 'float64':
      return Float64Array.from(ensure<number>(values, isNumber, { name, expected: 'a number' }));
    case 'bool':
      return Uint8Array.from(ensure(values, isBoolean, { name, expected: 'true or false' }), Number);
    case 'string':
      return ensure(values, (value) => typeof value === 'string', { name, expected: 'text' });
    case 'int64':
      return BigInt64Array.from(bigints(values, { name, min: -(2n ** 63n), max: 2n ** 63n - 1n }));
    case 'uint64':
      return BigUint64Array.from(bigints(values, { name, min: 0n, max: 2n ** 64n - 1n }));
    default:
      throw bad(name, 'FP16 has no JSON form; send FP32 if the model takes it');
  }
}

const isNumber = (value: unknown): boolean => typeof value === 'number';
const isBoolean = (value: unknown): boolean => typeof value === 'boolean' || value === 0 || value === 1;

function ensure<T>(
  values: unknown[],
  fits: (value: unknown) => boolean,
  { name, expected }: { name: string; expected: string },
): T[] {
  const index = values.findIndex((value) => !fits(value));
  if (index >= 0) throw bad(name, `element ${index} is ${show(values[index])}; expected ${expected}`);
  return values as T[];
}

function bigints(values: unknown[], { name, min, max }: { name: string; min: bigint; max: bigint }): bigint[] {
  const isWhole = (value: unknown) =>
    Number.isSafeInteger(value) || (typeof value === 'string' && /^-?[0-9]{1,20}$/.test(value));
  const expected = `a whole number from ${min} to ${max} (as text beyond 2^53)`;
  const numbers = ensure<number | string>(values, isWhole, { name, expected }).map(BigInt);
  return ensure(numbers, (value) => (value as bigint) >= min && (value as bigint) <= max, { name, expected });
}

// JSON cannot write a BigInt.
const show = (value: unknown): string => (typeof value === 'bigint' ? String(value) : JSON.stringify(value));

const bad = (name: string, problem: string) => new InferenceError(400, `input "${name}": ${problem}`);
