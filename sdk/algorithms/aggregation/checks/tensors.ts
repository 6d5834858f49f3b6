import type { TensorEntry } from '../../../tensors/header.ts';
import type { TensorFile } from '../../../tensors/tensor-file.ts';
import { refusal, type Refusal } from './refusal.ts';

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
