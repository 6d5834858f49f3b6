import type { Weights } from '../estimators/estimator.ts';
import { writeFileAtomic, type FlushOptions } from '../storage/files.ts';
import { requireFloat } from './dtype.ts';
import { decodeElements } from './elements.ts';
import { TensorError } from './errors.ts';
import { encodeHeader } from './header.ts';
import { withTensors } from './tensor-file.ts';

/** Writes an estimator's weights as F32, in the canonical form. Throws `ShapeInvalid` where the number of values is not the shape's. */
export async function writeWeights(
  path: string,
  weights: Weights,
  options: FlushOptions = {},
): Promise<{ path: string }> {
  const layouts = Object.entries(weights).map(([name, { shape, data }]) => {
    const elements = shape.reduce((product, size) => product * size, 1);
    if (elements !== data.length) {
      const message = `tensor ${JSON.stringify(name)}: has ${data.length} values; its shape [${shape.join(', ')}] needs ${elements}`;
      throw new TensorError('ShapeInvalid', message);
    }
    return { name, dtype: 'F32' as const, shape };
  });
  const { header, entries } = encodeHeader(layouts);
  const tensors = entries.map(({ name }) => {
    const { data } = weights[name] as Weights[string];
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  });
  await writeFileAtomic(path, [header, ...tensors], options);
  return { path };
}

/** Reads all tensors of a file as Float32; F64 is rounded. They are held in memory: for models that fit. */
export async function readWeights(path: string): Promise<Weights> {
  return withTensors(path, async (file) => {
    for (const { name, dtype } of file.entries) requireFloat(name, dtype);
    const raw = await file.readAll();
    const weights = file.entries.map(({ name, dtype, shape }, i): [string, Weights[string]] => {
      const bytes = raw[i] as (typeof raw)[number];
      const data =
        dtype === 'F32'
          ? new Float32Array(bytes.buffer)
          : new Float32Array(decodeElements(requireFloat(name, dtype), bytes));
      return [name, { shape: [...shape], data }];
    });
    return Object.fromEntries(weights); // own properties, whatever the names
  });
}
