/** Weights of `.onnx` files without a runtime: for those who aggregate models and never run them. */
import type { Weights } from '../estimator.ts';
import { OnnxError } from './errors.ts';
import { inferenceForm } from './graph/inference-form.ts';
import { tensorShape } from './graph/tensors.ts';
import { modelWeights, replaceValues } from './graph/weights.ts';
import { decodeModel, encodeModel } from './proto/codec.ts';

/** The same names, shapes and values that `OnnxEstimator.getWeights` gives for this model. `origin` names it in errors. */
export function readModelWeights(bytes: Uint8Array, origin: string): Weights {
  const found = modelWeights(inferenceForm(decodeModel(bytes, origin)));
  return Object.fromEntries(found.map(({ name, tensor, data }) => [name, { shape: tensorShape(tensor), data }]));
}

/** The model with other values in those of its weights that are given; the rest of the file stays. Refuses, by name, what does not fit. */
export function withWeights(bytes: Uint8Array, weights: Weights, origin: string): Uint8Array {
  const model = inferenceForm(decodeModel(bytes, origin));
  const present = new Map(modelWeights(model).map((weight) => [weight.name, weight]));
  for (const [name, { shape, data }] of Object.entries(weights)) {
    const weight = present.get(name);
    if (weight === undefined) throw misfit(origin, `has no weight "${name}"; it has ${[...present.keys()].join(', ')}`);
    const expected = tensorShape(weight.tensor);
    if (expected.join() !== shape.join())
      throw misfit(origin, `weight "${name}" has shape [${expected}], not [${shape}]`);
    replaceValues(weight.tensor, data);
  }
  return encodeModel(model);
}

function misfit(origin: string, message: string): OnnxError {
  return new OnnxError('InvalidWeights', `${origin}: ${message}`);
}
