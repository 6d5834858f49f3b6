import { isFloat } from '../../../tensors/dtype.ts';
import { decodeElements, typed } from '../../../tensors/elements.ts';
import type { TensorFile, TensorPart } from '../../../tensors/tensor-file.ts';
import { refusal, type Refusal } from './refusal.ts';

/** Why the bytes of an update are not given any further. */
export class RefusedBytes extends Error {
  override name = 'RefusedBytes';
  readonly refusal: Refusal;

  constructor(refused: Refusal) {
    super(refused.message);
    this.refusal = refused;
  }
}

/**
 * The bytes of a whole file in order, each piece after a look at it: no NaN and no infinity in any F16, F32 or F64 tensor, else
 * `RefusedBytes`. So what is kept of them is what was looked at. A piece is valid until the next one is asked for.
 */
export async function* finiteBytes(
  update: TensorFile,
  stays: (name: string) => boolean = () => false,
): AsyncGenerator<Uint8Array> {
  for await (const { bytes, parts } of update.pieces()) {
    for (const part of parts) {
      const refused = stays(part.entry.name) ? undefined : look(part);
      if (refused) throw new RefusedBytes(refused);
    }
    yield bytes;
  }
}

/** No NaN and no infinity in any F16, F32 or F64 tensor. Reads the file once. */
export async function checkFinite(update: TensorFile, stays?: (name: string) => boolean): Promise<Refusal | undefined> {
  try {
    for await (const _bytes of finiteBytes(update, stays));
    return undefined;
  } catch (error) {
    if (error instanceof RefusedBytes) return error.refusal;
    throw error;
  }
}

function look({ entry: { name, dtype }, start, raw }: TensorPart): Refusal | undefined {
  if (!isFloat(dtype)) return undefined;
  const elements = typed(dtype, raw);
  if (elements instanceof Uint16Array ? areFiniteHalves(elements) : areFinite(elements)) return undefined;
  const values = decodeElements(dtype, raw);
  const at = values.findIndex((value) => !Number.isFinite(value));
  return refusal('NotFinite', `tensor ${JSON.stringify(name)}: element ${start + at} is ${values[at]}`);
}

/** Zero times anything else is NaN, which no sum loses: faster than a look at each, and four sums wait less for each other than one. */
function areFinite(values: Float32Array | Float64Array): boolean {
  let [a, b, c, d] = [0, 0, 0, 0];
  const whole = values.length - (values.length % 4);
  for (let i = 0; i < whole; i += 4) {
    a += 0 * (values[i] as number);
    b += 0 * (values[i + 1] as number);
    c += 0 * (values[i + 2] as number);
    d += 0 * (values[i + 3] as number);
  }
  for (let i = whole; i < values.length; i++) a += 0 * (values[i] as number);
  return a + b + c + d === 0;
}

/** All ones in the exponent. */
function areFiniteHalves(bits: Uint16Array): boolean {
  for (let i = 0; i < bits.length; i++) if (((bits[i] as number) & 0x7c00) === 0x7c00) return false;
  return true;
}
