import { DTYPE_BYTES, requireFloat, type FloatDtype } from '../../../tensors/dtype.ts';
import { TensorError } from '../../../tensors/errors.ts';
import type { TensorEntry } from '../../../tensors/header.ts';
import type { TensorFile } from '../../../tensors/tensor-file.ts';

/** A range of elements of one dtype that lies in one piece in every file. Positions are absolute, one per file. */
export interface Stretch {
  dtype: FloatDtype;
  count: number;
  positions: number[];
}

/** Elements of a segment over which sums are taken: enough to make handing it to a thread cheap, few enough to share out. */
const SEGMENT_ELEMENTS = 512 * 1024;

/** Throws `LayoutMismatch` unless all files hold tensors of the same names, dtypes and shapes; `DtypeUnsupported` for integers. */
export function checkSameLayout(files: readonly TensorFile[]): readonly TensorEntry[] {
  const [first, ...others] = files;
  if (!first) throw new TensorError('LayoutMismatch', 'there are no updates to aggregate');
  for (const { name, dtype } of first.entries) requireFloat(name, dtype);
  for (const file of others) {
    const different =
      file.entries.find((entry, i) => !sameLayout(entry, first.entries[i])) ?? first.entries[file.entries.length];
    if (different) {
      throw new TensorError(
        'LayoutMismatch',
        `${file.path}: tensor ${JSON.stringify(different.name)} is not as in ${first.path}`,
      );
    }
  }
  return first.entries;
}

function sameLayout(a: TensorEntry, b: TensorEntry | undefined): boolean {
  return (
    a.name === b?.name &&
    a.dtype === b.dtype &&
    a.shape.length === b.shape.length &&
    a.shape.every((size, i) => size === b.shape[i])
  );
}

/**
 * The elements of files of the same layout, tensors that lie side by side in all of them joined, cut into segments of at most `most`
 * elements. The cut depends on the layout alone: sums over segments are the same however many threads work.
 */
export function segments(files: readonly (readonly TensorEntry[])[], most = SEGMENT_ELEMENTS): Stretch[] {
  const [first = []] = files;
  const joined: Stretch[] = [];
  first.forEach(({ dtype, elements }, i) => {
    const positions = files.map((entries) => (entries[i] as TensorEntry).offset);
    const last = joined.at(-1);
    const adjoins =
      last?.dtype === dtype &&
      last.positions.every((at, f) => at + last.count * DTYPE_BYTES[last.dtype] === positions[f]);
    if (last && adjoins) last.count += elements;
    else joined.push({ dtype: requireFloat('', dtype), count: elements, positions });
  });
  return joined.flatMap((stretch) => cut(stretch, most));
}

function cut({ dtype, count, positions }: Stretch, most: number): Stretch[] {
  return Array.from({ length: Math.ceil(count / most) }, (_, i) => ({
    dtype,
    count: Math.min(most, count - i * most),
    positions: positions.map((at) => at + i * most * DTYPE_BYTES[dtype]),
  }));
}
