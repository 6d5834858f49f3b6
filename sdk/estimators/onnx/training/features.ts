import { DataLoader } from '../../../datasources/loader.ts';
import type { FeatureSet } from '../../estimator.ts';
import { OnnxError } from '../errors.ts';
import { requireCut } from '../graph/cut.ts';
import { sizeOf } from '../graph/shape.ts';
import type { LoadedModel } from '../loaded-model.ts';
import type { OnnxModel } from '../onnx-model.ts';
import { asInput } from '../samples.ts';
import type { AnySamples } from '../samples.ts';
import type { TrainingData } from './batch-source.ts';

const BATCH = 64;

/** Runs the front part of the model. Throws `InvalidModel` for a tensor at which it cannot be cut. */
export async function featuresOf(model: LoadedModel, data: TrainingData, layer: string): Promise<FeatureSet> {
  requireCut(model.proto, layer);
  const session = await model.sessionUpTo(layer);
  const parts: FeatureSet[] = [];
  try {
    for await (const batch of batchesOf(data)) parts.push(await run(session, batch, layer));
  } finally {
    await session.close();
  }
  return joined(parts);
}

async function* batchesOf(data: TrainingData): AsyncGenerator<AnySamples> {
  if (data instanceof DataLoader) {
    for await (const batch of data.batches({ batchSize: BATCH, from: 0 })) yield batch;
    return;
  }
  const { inputs, labels, shape, count } = data;
  const [width, outputs] = [sizeOf(shape), labels.length / count];
  for (let start = 0; start < count; start += BATCH) {
    const end = Math.min(count, start + BATCH);
    const rows = <A>(from: A & { subarray(from: number, to: number): unknown }, size: number): A =>
      from.subarray(start * size, end * size) as A;
    yield { inputs: rows(inputs, width), labels: rows(labels, outputs), shape, count: end - start };
  }
}

async function run(
  session: OnnxModel,
  { inputs, labels, shape, count }: AnySamples,
  layer: string,
): Promise<FeatureSet> {
  const [input] = session.inputs;
  if (input === undefined) throw new OnnxError('InvalidModel', 'the model has no input');
  const results = await session.run({ [input.name]: { ...asInput(inputs, input.datatype), shape: [count, ...shape] } });
  const found = results[layer];
  if (!(found?.data instanceof Float32Array)) throw new OnnxError('InvalidModel', `tensor "${layer}" is not float32`);
  if (!found.data.every(Number.isFinite)) {
    throw new OnnxError('InvalidSamples', `tensor "${layer}" is not finite for all samples`);
  }
  if (found.shape[0] !== count) {
    throw new OnnxError(
      'InvalidModel',
      `tensor "${layer}" has shape [${found.shape}] for ${count} samples: no row of it is of one sample`,
    );
  }
  return { inputs: found.data, shape: found.shape.slice(1), labels, count };
}

function joined(parts: FeatureSet[]): FeatureSet {
  const [first] = parts;
  if (first === undefined) throw new OnnxError('InvalidSamples', 'samples: there are none');
  const all = <A extends Float32Array | Int32Array>(of: (part: FeatureSet) => A, make: (length: number) => A): A => {
    const whole = make(parts.reduce((sum, part) => sum + of(part).length, 0));
    let at = 0;
    for (const part of parts) {
      whole.set(of(part), at);
      at += of(part).length;
    }
    return whole;
  };
  return {
    inputs: all(
      ({ inputs }) => inputs,
      (length) => new Float32Array(length),
    ),
    labels: all(
      ({ labels }) => labels,
      (length) => (first.labels instanceof Int32Array ? new Int32Array(length) : new Float32Array(length)),
    ),
    shape: first.shape,
    count: parts.reduce((sum, { count }) => sum + count, 0),
  };
}
