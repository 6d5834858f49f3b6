/** `ModelInferRequest` and `ModelInferResponse`, as plain objects of the protobuf codec. */
import type { Tensor } from '../../tensor.ts';
import { InferenceError } from '../errors.ts';
import type { Inferred, Parameter, Parameters, ServedInput } from '../served-model.ts';
import type { InferCall } from '../service.ts';
import { badInput } from './bad-input.ts';
import { binaryOf, readBinaryTensor } from './binary-tensor.ts';
import { bindInputs } from './bind-inputs.ts';
import { typeOfWire, wireType } from './element-types.ts';
import { readContents, type TensorContents } from './grpc-tensor.ts';
import { outputOf } from './http-response.ts';
import { MAX_RANK } from './json-tensor.ts';

type Int64 = number | { toNumber(): number };

export interface InferParameter {
  parameter_choice?: 'bool_param' | 'int64_param' | 'string_param' | 'double_param' | 'uint64_param';
  bool_param?: boolean;
  int64_param?: Int64;
  string_param?: string;
  double_param?: number;
  uint64_param?: Int64;
}

export interface ModelInferRequest {
  model_name: string;
  model_version: string;
  id: string;
  parameters?: Record<string, InferParameter>;
  inputs?: {
    name: string;
    datatype: string;
    shape?: Int64[];
    parameters?: Record<string, InferParameter>;
    contents?: TensorContents | null;
  }[];
  outputs?: { name: string; parameters?: Record<string, InferParameter> }[];
  raw_input_contents?: Uint8Array[];
}

/** Reads and checks a request as its HTTP form is. Raw contents, if there are any, stand for those of all inputs. */
export function readGrpcRequest(request: ModelInferRequest, inputs: readonly ServedInput[]): InferCall {
  const { id, inputs: tensors = [], outputs = [], raw_input_contents: raw = [] } = request;
  if (raw.length > 0 && raw.length !== tensors.length) {
    throw new InferenceError(400, `raw_input_contents has ${raw.length} elements for ${tensors.length} inputs`);
  }
  const given = tensors.map(({ name, datatype, shape = [], parameters = {}, contents }, i) => {
    if ('shared_memory_region' in parameters) throw badInput(name, 'shared memory is not supported; send the data');
    return { name, datatype, shape: dimensions(name, shape), contents, raw: raw[i] };
  });
  for (const output of outputs) checkOutput(output);
  return {
    id: id === '' ? undefined : id,
    parameters: readParameters(request.parameters ?? {}),
    feeds: bindInputs(inputs, given, ({ name, datatype, shape, contents, raw: bytes }, { binary }) => {
      const type = typeOfWire(datatype);
      if (!type) throw badInput(name, `datatype "${datatype}" is unknown`);
      const tensor = { name, datatype: type, shape, binary };
      return bytes === undefined ? readContents(tensor, contents) : readBinaryTensor(tensor, bytes);
    }),
    outputs: outputs.length > 0 ? outputs : undefined,
  };
}

function checkOutput({ name, parameters = {} }: { name: string; parameters?: Record<string, InferParameter> }): void {
  for (const unsupported of ['classification', 'shared_memory_region']) {
    if (unsupported in parameters) throw new InferenceError(400, `output "${name}": ${unsupported} is not supported`);
  }
}

/** Tensors go as raw contents, in the order of the outputs. */
export function writeGrpcResponse(model: string, call: InferCall, { version, outputs, parameters }: Inferred): object {
  const names = call.outputs?.map(({ name }) => name) ?? Object.keys(outputs);
  const tensors = names.map((name): [string, Tensor] => [name, outputOf(outputs, name)]);
  return {
    model_name: model,
    model_version: version,
    id: call.id ?? '',
    parameters: writeParameters(parameters ?? {}),
    outputs: tensors.map(([name, { datatype, shape }]) => ({ name, datatype: wireType(datatype), shape })),
    raw_output_contents: tensors.map(([, tensor]) => binaryOf(tensor)),
  };
}

function dimensions(name: string, shape: readonly Int64[]): number[] {
  const sizes = shape.map((size) => (typeof size === 'number' ? size : size.toNumber()));
  if (sizes.length <= MAX_RANK && sizes.every((size) => size >= 0 && size < 2 ** 31)) return sizes;
  throw badInput(
    name,
    `has the shape [${sizes.join(', ')}]; dimensions go from 0 to 2^31 - 1, at most ${MAX_RANK} of them`,
  );
}

function readParameters(given: Record<string, InferParameter>): Parameters {
  const entries = Object.entries(given).flatMap(([name, parameter]): [string, Parameter][] => {
    const { parameter_choice: choice } = parameter;
    if (choice === undefined) return [];
    const value = parameter[choice];
    if (value === undefined) return [];
    return [[name, typeof value === 'object' ? value.toNumber() : value]];
  });
  return Object.fromEntries(entries);
}

function writeParameters(parameters: Parameters): Record<string, object> {
  const entries = Object.entries(parameters).map(([name, value]): [string, object] => {
    if (typeof value === 'boolean') return [name, { bool_param: value }];
    if (typeof value === 'string') return [name, { string_param: value }];
    return [name, Number.isSafeInteger(value) ? { int64_param: value } : { double_param: value }];
  });
  return Object.fromEntries(entries);
}
