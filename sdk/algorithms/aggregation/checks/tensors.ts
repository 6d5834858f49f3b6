import type { TensorEntry } from '../../../tensors/header.ts';
import type { TensorFile } from '../../../tensors/tensor-file.ts';
import { isFloat } from '../../../tensors/dtype.ts';
import { refusal, type Refusal } from './refusal.ts';

/** Elements that are looked at in one piece: the event loop is free in between. */
const PIECE = 256 * 1024;

/** Names, dtypes and shapes as in the global model. Tensors for which `stays` holds may be there or not. */
export function checkLayout(
  update: TensorFile,
  global: TensorFile,
  stays: (name: string) => boolean = () => false,
): Refusal | undefined {
  for (const wanted of global.entries.filter(({ name }) => !stays(name))) {
    if (!update.has(wanted.name)) {
      return refusal('TensorsMissing', `tensor ${JSON.stringify(wanted.name)} of the global model is missing`);
    }
    const refused = compare(update.entry(wanted.name), wanted);
    if (refused) return refused;
  }
  const unknown = update.entries.find(({ name }) => !global.has(name) && !stays(name));
  return unknown && refusal('TensorsUnknown', `tensor ${JSON.stringify(unknown.name)} is not in the global model`);
}

function compare(is: TensorEntry, wanted: TensorEntry): Refusal | undefined {
  const name = JSON.stringify(is.name);
  if (is.dtype !== wanted.dtype) return refusal('DtypeMismatch', `tensor ${name}: is ${is.dtype}, not ${wanted.dtype}`);
  const same = is.shape.length === wanted.shape.length && is.shape.every((size, i) => size === wanted.shape[i]);
  return same
    ? undefined
    : refusal('ShapeMismatch', `tensor ${name}: is [${is.shape.join(', ')}], not [${wanted.shape.join(', ')}]`);
}

/** No NaN and no infinity in any F16, F32 or F64 tensor. Reads the file once. */
export async function checkFinite(
  update: TensorFile,
  stays: (name: string) => boolean = () => false,
): Promise<Refusal | undefined> {
  for (const { name, dtype, elements } of update.entries) {
    if (!isFloat(dtype) || stays(name)) continue;
    for (let start = 0; start < elements; start += PIECE) {
      const values = await update.floats(name, start, Math.min(PIECE, elements - start));
      if (areFinite(values)) continue;
      const at = values.findIndex((value) => !Number.isFinite(value));
      return refusal('NotFinite', `tensor ${JSON.stringify(name)}: element ${start + at} is ${values[at]}`);
    }
  }
  return undefined;
}

/** Zero times anything else is NaN, which no sum loses: faster than a look at each. */
function areFinite(values: Float64Array): boolean {
  let zero = 0;
  for (let i = 0; i < values.length; i++) zero += 0 * (values[i] as number);
  return zero === 0;
}
