import { DTYPE_BYTES, isDtype, type Dtype } from './dtype.ts';
import { TensorError, type TensorReason } from './errors.ts';

/** Name, dtype and row-major shape of one tensor. */
export interface TensorLayout {
  name: string;
  dtype: Dtype;
  shape: readonly number[];
}

/** A tensor's place. `offset` is absolute in the file. */
export interface TensorEntry extends TensorLayout {
  elements: number;
  offset: number;
  bytes: number;
}

export interface TensorLimits {
  /** Of the JSON header. Default: 16 MiB. */
  headerBytes?: number;
  /** Default: 65 536 tensors. */
  tensors?: number;
  /** Dimensions of one tensor. Default: 16. */
  rank?: number;
  /** Of the whole file. Default: 64 GiB. */
  fileBytes?: number;
}

export const DEFAULT_LIMITS: Required<TensorLimits> = {
  headerBytes: 16 * 2 ** 20,
  tensors: 65_536,
  rank: 16,
  fileBytes: 64 * 2 ** 30,
};

/** Bytes of the little-endian length in front of the header. */
export const PREFIX_BYTES = 8;
const ALIGNMENT = 8;
const NAME_BYTES = 1024;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Names in the order of their code points, which is the order of their UTF-8 bytes. */
export const byName = (a: { name: string }, b: { name: string }): number =>
  Buffer.compare(Buffer.from(a.name), Buffer.from(b.name));

/**
 * The canonical header of a safetensors file: names by code point, data in that order and without gaps, no metadata, padded with
 * spaces so that the data begins at a multiple of 8. Equal tensors so give equal bytes.
 */
export function encodeHeader(layouts: readonly TensorLayout[]): { header: Buffer; entries: TensorEntry[] } {
  const sorted = [...layouts].sort(byName);
  let end = 0;
  const places = sorted.map((layout, i) => {
    if (sorted[i - 1]?.name === layout.name) refuse('NameInvalid', layout.name, 'is there twice');
    checkName(layout.name);
    const elements = elementsOf(layout, DEFAULT_LIMITS.rank);
    const begin = end;
    end += elements * DTYPE_BYTES[layout.dtype];
    return { ...layout, elements, begin, end };
  });
  const parts = places.map(
    ({ name, dtype, shape, begin, end }) =>
      `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`,
  );
  const json = Buffer.from(`{${parts.join(',')}}`);
  const length = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT;
  const header = Buffer.alloc(PREFIX_BYTES + length, ' ');
  header.writeBigUInt64LE(BigInt(length), 0);
  json.copy(header, PREFIX_BYTES);
  const entries = places.map(({ name, dtype, shape, elements, begin, end }) => ({
    ...{ name, dtype, shape: [...shape], elements },
    offset: header.length + begin,
    bytes: end - begin,
  }));
  return { header, entries };
}

/** Length of the JSON header from the first eight bytes of a file of `fileBytes` bytes. */
export function headerLength(prefix: Buffer, fileBytes: number, limits: Required<TensorLimits>): number {
  if (fileBytes > limits.fileBytes) fail('TooLarge', `has ${fileBytes} bytes; at most ${limits.fileBytes} are read`);
  if (prefix.length < PREFIX_BYTES) fail('NotTensors', 'is shorter than a safetensors prefix');
  const declared = prefix.readBigUInt64LE(0);
  if (declared > BigInt(fileBytes - PREFIX_BYTES)) {
    fail(
      'NotTensors',
      `declares a header of ${declared} bytes and has ${fileBytes}: cut short, or no safetensors file`,
    );
  }
  if (declared > BigInt(limits.headerBytes)) {
    fail('HeaderTooLarge', `declares a header of ${declared} bytes; at most ${limits.headerBytes} are read`);
  }
  return Number(declared);
}

/**
 * Entries of a header, by name. Every claim is checked against the file's size: known dtypes, shapes whose product fits, ranges
 * that touch each other and fill the file exactly. Throws `TensorError`.
 */
export function decodeHeader(json: Uint8Array, fileBytes: number, limits: Required<TensorLimits>): TensorEntry[] {
  const start = PREFIX_BYTES + json.length;
  const named = Object.entries(parse(json)).filter(([name, value]) => name !== '__metadata__' || checkMetadata(value));
  if (named.length > limits.tensors) {
    fail('TooManyTensors', `holds ${named.length} tensors; at most ${limits.tensors} are read`);
  }
  const entries = named.map(([name, value]) => decodeEntry(name, value, { start, limits }));
  let end = start;
  for (const { name, offset, bytes } of [...entries].sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)) {
    if (offset !== end)
      refuse(
        'OffsetsInvalid',
        name,
        `begins at ${offset - start}, not at ${end - start} where the data before it ends`,
      );
    end = offset + bytes;
  }
  if (end !== fileBytes) fail('OffsetsInvalid', `describes ${end} bytes and has ${fileBytes}`);
  return entries.sort(byName);
}

function parse(json: Uint8Array): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json));
  } catch (error) {
    throw new TensorError('NotTensors', `the header is no JSON: ${(error as Error).message.slice(0, 80)}`, {
      cause: error,
    });
  }
  if (!isRecord(header)) fail('NotTensors', 'the header is no JSON object');
  return header;
}

function checkMetadata(value: unknown): false {
  if (!isRecord(value) || Object.values(value).some((text) => typeof text !== 'string')) {
    fail('NotTensors', '__metadata__ is no map of text to text');
  }
  return false;
}

function decodeEntry(
  name: string,
  value: unknown,
  { start, limits }: { start: number; limits: Required<TensorLimits> },
): TensorEntry {
  checkName(name);
  if (!isRecord(value)) refuse('NotTensors', name, 'is described by no object');
  const { dtype, shape, data_offsets: range } = value;
  if (!isDtype(dtype)) refuse('DtypeUnknown', name, `dtype ${JSON.stringify(dtype)?.slice(0, 40)} is unknown`);
  if (!isIntegers(shape)) refuse('ShapeInvalid', name, 'shape must be a list of integers from 0');
  if (!isIntegers(range) || range.length !== 2)
    refuse('OffsetsInvalid', name, 'data_offsets must be two integers from 0');
  const elements = elementsOf({ name, dtype, shape }, limits.rank);
  const [begin, end] = range as [number, number];
  const bytes = elements * DTYPE_BYTES[dtype];
  if (end - begin !== bytes)
    refuse('OffsetsInvalid', name, `has ${end - begin} bytes; ${dtype} [${shape.join(', ')}] needs ${bytes}`);
  return { name, dtype, shape, elements, offset: start + begin, bytes };
}

/** Elements of a shape. A product beyond 2^53 - 1 bytes is refused before anything is sized by it. */
function elementsOf({ name, dtype, shape }: TensorLayout, rank: number): number {
  if (shape.length > rank) refuse('ShapeInvalid', name, `has ${shape.length} dimensions; at most ${rank} are read`);
  if (!isIntegers(shape)) refuse('ShapeInvalid', name, 'shape must be a list of integers from 0');
  const elements = shape.includes(0) ? 0 : shape.reduce((product, size) => product * size, 1);
  if (!Number.isSafeInteger(elements * DTYPE_BYTES[dtype])) refuse('ShapeInvalid', name, 'is larger than any file');
  return elements;
}

function checkName(name: string): void {
  if (name === '' || name === '__metadata__' || LONE_SURROGATE.test(name) || Buffer.byteLength(name) > NAME_BYTES) {
    refuse('NameInvalid', name.slice(0, 40), `a name is well-formed text of 1 to ${NAME_BYTES} bytes`);
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isIntegers = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((part) => Number.isSafeInteger(part) && (part as number) >= 0);

function fail(reason: TensorReason, message: string): never {
  throw new TensorError(reason, `the file ${message}`);
}

function refuse(reason: TensorReason, name: string, message: string): never {
  throw new TensorError(reason, `tensor ${JSON.stringify(name)}: ${message}`);
}
