import { requireFloat } from '../../tensors/dtype.ts';
import { encodeElements } from '../../tensors/elements.ts';
import type { TensorEntry } from '../../tensors/header.ts';
import type { TensorFile } from '../../tensors/tensor-file.ts';
import type { TensorWriter } from '../../tensors/tensor-writer.ts';
import { AggregationError } from './errors.ts';

const PIECE = 128 * 1024;

/** One range of one tensor, in doubles, of each source. */
export interface Piece<Source extends string> {
  name: string;
  start: number;
  values: Record<Source, Float64Array>;
}

type Put = (writer: TensorWriter, at: { name: string; start: number }, values: Float64Array) => Promise<void>;

/** A pass over files of the same tensors, piece by piece; `step` writes what it likes with `put`. Memory: a piece per source. */
export async function elementwise<Source extends string>(
  sources: Record<Source, TensorFile>,
  entries: readonly TensorEntry[],
  step: (piece: Piece<Source>, put: Put) => Promise<void>,
): Promise<void> {
  const named = Object.entries<TensorFile>(sources);
  for (const { name, elements } of entries) {
    for (let start = 0; start < elements; start += PIECE) {
      const count = Math.min(PIECE, elements - start);
      const read = named.map(async ([source, file]) => [source, await file.floats(name, start, count)]);
      const values = Object.fromEntries(await Promise.all(read)) as Record<Source, Float64Array>;
      await step({ name, start, values }, putFinite);
    }
  }
}

/** Throws `ResultNotFinite` where a value is no number, or none of the dtype that it is written in. */
async function putFinite(
  writer: TensorWriter,
  { name, start }: { name: string; start: number },
  values: Float64Array,
): Promise<void> {
  const dtype = requireFloat(name, writer.entry(name).dtype);
  const limit = LARGEST[dtype];
  const at = values.findIndex((value) => !(Math.abs(value) <= limit));
  if (at >= 0) {
    const message = `tensor ${JSON.stringify(name)}: element ${start + at} becomes ${values[at]}; use a smaller learning rate on the server`;
    throw new AggregationError('ResultNotFinite', message);
  }
  await writer.write(name, start, encodeElements(dtype, values));
}

const LARGEST = { F16: 65_504, F32: 3.4028234663852886e38, F64: Number.MAX_VALUE };
