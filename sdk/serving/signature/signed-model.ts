import type { ModelSignature } from '../../../crds/lib/signature.ts';
import type { Tensor, TensorInfo } from '../../tensor.ts';
import type { ServedInput } from '../served-model.ts';
import { outputIn, outputsAfter, postprocess, type Seen } from './postprocess.ts';
import { preprocess } from './preprocess.ts';

interface Model {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  run(feeds: Record<string, Tensor>): Promise<Record<string, Tensor>>;
}

/** A signature that does not fit its model; the message names the field. */
export class SignatureError extends Error {
  override name = 'SignatureError';
}

/** A model with what comes before and after it: its image input takes files as well as tensors. Refuses a signature that does not fit. */
export function signedModel(
  model: Model,
  signature: ModelSignature,
): Model & { readonly inputs: readonly ServedInput[] } {
  const image = signature.preprocess && imageInput(model, signature.preprocess.input);
  const output = signature.postprocess && postprocessed(model, signature.postprocess);
  return {
    inputs: model.inputs.map((info) => (info === image ? withFiles(info) : info)),
    outputs: signature.postprocess ? outputsAfter(model.outputs, signature.postprocess) : model.outputs,
    run: async (feeds) => {
      const { seen, feeds: prepared } = prepare(feeds, image, signature);
      const outputs = await model.run(prepared);
      const { postprocess: options } = signature;
      return options && output ? postprocess(outputs, output.name, { options, seen }) : outputs;
    },
  };
}

function imageInput({ inputs }: Model, wanted: string | undefined): TensorInfo {
  const names = inputs.map(({ name }) => name).join(', ');
  const found = wanted === undefined ? inputs[0] : inputs.find(({ name }) => name === wanted);
  if (!found || (wanted === undefined && inputs.length > 1)) {
    throw new SignatureError(`signature.preprocess.input must name one of the inputs: ${names}`);
  }
  if (found.shape.length !== 4) {
    throw new SignatureError(`signature.preprocess: input "${found.name}" has ${found.shape.length} dimensions, not 4`);
  }
  return found;
}

function postprocessed({ outputs }: Model, options: NonNullable<ModelSignature['postprocess']>): TensorInfo {
  const names = outputs.map(({ name }) => name).join(', ');
  const found = outputIn(outputs, options);
  if (!found || (options.output === undefined && outputs.length > 1)) {
    throw new SignatureError(`signature.postprocess.output must name one of the outputs: ${names}`);
  }
  if (options.boxes && found.shape.length !== 3) {
    throw new SignatureError(`signature.postprocess.boxes: output "${found.name}" is not [N, candidates, values]`);
  }
  return found;
}

const withFiles = (info: TensorInfo): ServedInput => ({
  name: info.name,
  datatype: 'string',
  shape: [info.shape[0] ?? 'N'],
  binary: true,
  or: info,
});

function prepare(
  feeds: Record<string, Tensor>,
  image: TensorInfo | undefined,
  { preprocess: options = {} }: ModelSignature,
): { seen: Seen; feeds: Record<string, Tensor> } {
  const given = image && feeds[image.name];
  if (!image || !given) return { seen: { height: 1, width: 1 }, feeds };
  const { tensor, placements } =
    given.datatype === 'string'
      ? preprocess(Array.from(given.data as ArrayLike<Uint8Array>), image, options)
      : { tensor: given, placements: undefined };
  const [height = 1, width = 1] = options.layout === 'NHWC' ? tensor.shape.slice(1, 3) : tensor.shape.slice(2, 4);
  return { seen: { height, width, placements }, feeds: { ...feeds, [image.name]: tensor } };
}
