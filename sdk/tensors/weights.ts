import type { Weights } from '../estimators/estimator.ts';
import type { FlushOptions } from '../storage/files.ts';
import { TensorError } from './errors.ts';
import { withTensors } from './tensor-file.ts';
import { writing, type TensorWriter, type WrittenTensors } from './tensor-writer.ts';

/** Writes an estimator's weights as F32. Throws `ShapeInvalid` where the number of values is not the shape's. */
export async function writeWeights(
  path: string,
  weights: Weights,
  options: FlushOptions = {},
): Promise<WrittenTensors> {
  const layouts = Object.entries(weights).map(([name, { shape, data }]) => {
    const elements = shape.reduce((product, size) => product * size, 1);
    if (elements !== data.length) {
      const message = `tensor ${JSON.stringify(name)}: has ${data.length} values; its shape [${shape.join(', ')}] needs ${elements}`;
      throw new TensorError('ShapeInvalid', message);
    }
    return { name, dtype: 'F32' as const, shape };
  });
  const fill = async (writer: TensorWriter): Promise<void> => {
    for (const { name } of writer.entries) {
      const { data } = weights[name] as Weights[string];
      await writer.write(name, 0, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
  };
  return writing(path, layouts, fill, options);
}

/** Reads all tensors of a file as Float32; F64 is rounded. They are held in memory: for models that fit. */
export async function readWeights(path: string): Promise<Weights> {
  return withTensors(path, async (file) => {
    const weights: [string, Weights[string]][] = [];
    for (const { name, shape } of file.entries) {
      weights.push([name, { shape: [...shape], data: new Float32Array(await file.floats(name)) }]);
    }
    return Object.fromEntries(weights); // own properties, whatever the names
  });
}
