import type { Tensor } from '../../tensor.ts';
import { InferenceError } from '../errors.ts';
import type { Inferred } from '../served-model.ts';
import { binaryOf } from './binary-tensor.ts';
import { wireType } from './element-types.ts';
import type { HttpInferRequest, RequestedOutput } from './http-request.ts';
import { encodeTensor } from './json-tensor.ts';

export interface HttpInferResponse {
  json: string;
  /** Behind the JSON, in this order; empty: plain JSON. */
  binary: Uint8Array[];
}

/** Writes an answer as the request wants it: each output in JSON, or as bytes behind it with its size in the JSON. */
export function writeHttpResponse(
  model: string,
  request: Pick<HttpInferRequest, 'id' | 'outputs' | 'binaryOutputs'>,
  { version, outputs, parameters }: Inferred,
): HttpInferResponse {
  const wanted =
    request.outputs ?? Object.keys(outputs).map((name): RequestedOutput => ({ name, binary: request.binaryOutputs }));
  const binary: Uint8Array[] = [];
  const tensors = wanted.map((one) => {
    const tensor = outputOf(outputs, one.name);
    if (!one.binary) return encodeTensor(one.name, tensor);
    const bytes = binaryOf(tensor);
    binary.push(bytes);
    const { datatype, shape } = tensor;
    return { name: one.name, shape, datatype: wireType(datatype), parameters: { binary_data_size: bytes.byteLength } };
  });
  const json = JSON.stringify({
    model_name: model,
    model_version: version,
    ...(request.id !== undefined && { id: request.id }),
    ...(parameters && { parameters }),
    outputs: tensors,
  });
  return { json, binary };
}

/** Refuses an output that the model does not have, by name. */
export function outputOf(outputs: Record<string, Tensor>, name: string): Tensor {
  const found = Object.hasOwn(outputs, name) ? outputs[name] : undefined;
  if (found) return found;
  throw new InferenceError(400, `output "${name}" does not exist; outputs: ${Object.keys(outputs).join(', ')}`);
}
