import type { Tensor, TensorType } from '../../tensor.ts';
import { InferenceError } from '../errors.ts';
import { badInput } from './bad-input.ts';
import { elementsOf, WIRE_TYPES, typeOfWire, wireType } from './element-types.ts';

/** A tensor as the protocol writes it in JSON; `data` may be flat or nested. */
export interface JsonTensor {
  name: string;
  shape: number[];
  datatype: string;
  data: unknown;
  /** BYTES elements are files: base64 in JSON. Default: they are text. */
  binary?: boolean;
}

type Integers = Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array | Uint32Array;

const INTEGERS: Partial<Record<TensorType, { make: (size: number) => Integers; min: number; max: number }>> = {
  int8: { make: (size) => new Int8Array(size), min: -128, max: 127 },
  int16: { make: (size) => new Int16Array(size), min: -32768, max: 32767 },
  int32: { make: (size) => new Int32Array(size), min: -(2 ** 31), max: 2 ** 31 - 1 },
  uint8: { make: (size) => new Uint8Array(size), min: 0, max: 255 },
  uint16: { make: (size) => new Uint16Array(size), min: 0, max: 65535 },
  uint32: { make: (size) => new Uint32Array(size), min: 0, max: 2 ** 32 - 1 },
};

const INT64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };
const UINT64 = { min: 0n, max: 2n ** 64n - 1n };

/** Dimensions that a tensor may have, and so how deep its data may be nested. */
export const MAX_RANK = 16;

/** Reads a tensor of a request. Refuses unknown types, wrong element counts and values that do not fit, by the input's name. */
export function decodeTensor({ name, shape, datatype, data, binary = false }: JsonTensor): Tensor {
  const type = typeOfWire(datatype);
  if (!type) throw badInput(name, `datatype "${datatype}" is unknown; known: ${Object.keys(WIRE_TYPES).join(', ')}`);
  const values = flatten(data, name);
  const count = elementsOf(shape);
  if (values.length !== count) {
    throw badInput(name, `data has ${values.length} elements; shape [${shape.join(', ')}] needs ${count}`);
  }
  return { datatype: type, shape, data: typed(values, { type, name, binary }) };
}

/** Writes a tensor of a response, flat. JSON has no NaN or infinity: they become `null`. */
export function encodeTensor(name: string, { datatype, shape, data }: Tensor) {
  if (datatype === 'float16') {
    throw new InferenceError(400, `output "${name}" is FP16, which has no JSON form; ask for binary data`);
  }
  return { name, shape: [...shape], datatype: wireType(datatype), data: plainValues(datatype, data) };
}

function plainValues(datatype: TensorType, data: Tensor['data']): unknown[] {
  if (datatype === 'bool') return Array.from(data, Boolean);
  if (datatype === 'int64' || datatype === 'uint64') return Array.from(data, plainInteger);
  if (datatype !== 'string') return Array.from(data);
  return Array.from(data, (value) => (typeof value === 'string' ? value : Buffer.from(value as Uint8Array).toString()));
}

// Beyond 2^53 a JSON number would silently be another one.
function plainInteger(value: unknown): number | string {
  if (typeof value !== 'bigint') return value as number;
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value.toString();
}

function flatten(data: unknown, name: string): unknown[] {
  if (!Array.isArray(data)) throw badInput(name, 'data must be an array');
  if (!Array.isArray(data[0]) && !data.some(Array.isArray)) return data as unknown[];
  const flat: unknown[] = [];
  const walk = (items: unknown[], depth: number): void => {
    if (depth > MAX_RANK) throw badInput(name, `data is nested deeper than ${MAX_RANK} levels`);
    for (const item of items) {
      if (Array.isArray(item)) walk(item, depth + 1);
      else flat.push(item);
    }
  };
  walk(data, 1);
  return flat;
}

interface Target {
  type: TensorType;
  name: string;
  binary: boolean;
}

function typed(values: unknown[], { type, name, binary }: Target): Tensor['data'] {
  const integers = INTEGERS[type];
  if (integers) return wholeNumbers(values, integers, name);
  switch (type) {
    case 'float32':
      return floats(values, new Float32Array(values.length), name);
    case 'float64':
      return floats(values, new Float64Array(values.length), name);
    case 'bool':
      return Uint8Array.from(ensure(values, isBoolean, { name, expected: 'true or false' }), Number);
    case 'string':
      return binary ? files(values, name) : ensure(values, isText, { name, expected: 'text' });
    case 'int64':
      return BigInt64Array.from(bigints(values, INT64, name));
    case 'uint64':
      return BigUint64Array.from(bigints(values, UINT64, name));
    default:
      throw badInput(name, 'FP16 has no JSON form; send binary data, or FP32 if the model takes it');
  }
}

/** One pass for check and copy: this is most of what a large JSON request costs after parsing. */
function floats<T extends Float32Array | Float64Array>(values: unknown[], target: T, name: string): T {
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value !== 'number') throw badInput(name, `element ${i} is ${show(value)}; expected a number`);
    target[i] = value;
    if (!Number.isFinite(target[i])) throw badInput(name, `element ${i} is too large for the datatype`);
  }
  return target;
}

function wholeNumbers(
  values: unknown[],
  { make, min, max }: { make: (size: number) => Integers; min: number; max: number },
  name: string,
): Integers {
  const target = make(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (!Number.isInteger(value) || value < min || value > max) {
      throw badInput(name, `element ${i} is ${show(value)}; expected a whole number from ${min} to ${max}`);
    }
    target[i] = value;
  }
  return target;
}

const isText = (value: unknown): boolean => typeof value === 'string';
const isBoolean = (value: unknown): boolean => typeof value === 'boolean' || value === 0 || value === 1;

function files(values: unknown[], name: string): Uint8Array[] {
  const isBase64 = (value: unknown) => typeof value === 'string' && /^[A-Za-z0-9+/]+={0,2}$/.test(value);
  return ensure<string>(values, isBase64, { name, expected: 'a file as base64' }).map((text) =>
    Buffer.from(text, 'base64'),
  );
}

function ensure<T>(
  values: unknown[],
  fits: (value: unknown) => boolean,
  { name, expected }: { name: string; expected: string },
): T[] {
  const index = values.findIndex((value) => !fits(value));
  if (index >= 0) throw badInput(name, `element ${index} is ${show(values[index])}; expected ${expected}`);
  return values as T[];
}

function bigints(values: unknown[], { min, max }: { min: bigint; max: bigint }, name: string): bigint[] {
  const isWhole = (value: unknown) =>
    Number.isSafeInteger(value) || (typeof value === 'string' && /^-?[0-9]{1,20}$/.test(value));
  const expected = `a whole number from ${min} to ${max} (as text beyond 2^53)`;
  const numbers = ensure<number | string>(values, isWhole, { name, expected }).map(BigInt);
  return ensure(numbers, (value) => (value as bigint) >= min && (value as bigint) <= max, { name, expected });
}

// JSON cannot write a BigInt; a long element would only fill the error.
const show = (value: unknown): string =>
  typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? 'undefined').slice(0, 100);
