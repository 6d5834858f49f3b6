/** A model in two parts: what is in front of one of its tensors, and what is behind it. */
import { OnnxError } from './errors.ts';
import { headBehind, requireCut } from './graph/cut.ts';
import { inferenceForm } from './graph/inference-form.ts';
import { sizeOf } from './graph/shape.ts';
import { modelWeights } from './graph/weights.ts';
import { LoadedModel } from './loaded-model.ts';
import { decodeModel } from './proto/codec.ts';
import type { ModelProto } from './proto/types.ts';

export interface CutModel {
  /** The part behind the tensor, which has the tensor as its input. */
  head: ModelProto;
  /** Of the tensor, for one sample. */
  shape: number[];
}

/** Throws `InvalidModel` for a tensor at which the model cannot be cut, or behind which nothing trains. */
export async function cutModel(bytes: Uint8Array, layer: string, origin = 'the model'): Promise<CutModel> {
  const model = inferenceForm(decodeModel(bytes, origin));
  requireCut(model, layer, origin);
  const shape = await shapeAt(bytes, layer, origin);
  const head = headBehind(model, layer, shape, origin);
  if (modelWeights(head).length === 0) {
    throw new OnnxError(
      'InvalidModel',
      `${origin}: no weight trains behind tensor "${layer}": cut it further in front`,
    );
  }
  return { head, shape };
}

/** The runtime itself says what it makes of one sample. */
async function shapeAt(bytes: Uint8Array, layer: string, origin: string): Promise<number[]> {
  const session = await LoadedModel.decode(bytes, origin).sessionUpTo(layer);
  try {
    const [input] = session.inputs;
    const sample = (input?.shape ?? []).slice(1);
    if (input === undefined || sample.some((size) => typeof size !== 'number' || size < 1)) {
      throw new OnnxError(
        'InvalidModel',
        `${origin}: its input leaves the shape of a sample open ([${input?.shape}]); export it with a fixed one`,
      );
    }
    const shape = [1, ...(sample as number[])];
    const data =
      input.datatype === 'int64'
        ? new BigInt64Array(sizeOf(shape))
        : input.datatype === 'int32'
          ? new Int32Array(sizeOf(shape))
          : new Float32Array(sizeOf(shape));
    const found = (await session.run({ [input.name]: { datatype: input.datatype, data, shape } }))[layer];
    if (!(found?.data instanceof Float32Array))
      throw new OnnxError('InvalidModel', `${origin}: tensor "${layer}" is not float32`);
    if (found.shape[0] !== 1) {
      throw new OnnxError(
        'InvalidModel',
        `${origin}: tensor "${layer}" has shape [${found.shape}] for one sample; its rows must be samples`,
      );
    }
    return found.shape.slice(1);
  } finally {
    await session.close();
  }
}
