/** Body of an inference request over HTTP: JSON, or JSON followed by tensors in binary (binary tensor data extension). */
import { z } from 'zod';
import type { Tensor } from '../../tensor.ts';
import { InferenceError } from '../errors.ts';
import type { Parameters, ServedInput } from '../served-model.ts';
import { badInput } from './bad-input.ts';
import { readBinaryTensor } from './binary-tensor.ts';
import { bindInputs } from './bind-inputs.ts';
import { typeOfWire } from './element-types.ts';
import { decodeTensor, MAX_RANK } from './json-tensor.ts';
import { parseJson } from './json-text.ts';

const parameters = z.record(z.string().max(256), z.union([z.boolean(), z.number(), z.string()]));

const dimension = z
  .int()
  .min(0)
  .max(2 ** 31 - 1);

const requestSchema = z.object({
  id: z.string().max(256).optional(),
  parameters: parameters.default({}),
  inputs: z
    .array(
      z.object({
        name: z.string().max(256),
        shape: z.array(dimension).max(MAX_RANK),
        datatype: z.string().max(16),
        parameters: parameters.optional(),
        data: z.unknown().optional(),
      }),
    )
    .min(1)
    .max(256),
  outputs: z
    .array(z.object({ name: z.string(), parameters: parameters.optional() }))
    .max(256)
    .optional(),
});

export interface RequestedOutput {
  name: string;
  /** Wanted as bytes behind the JSON. */
  binary: boolean;
}

export interface HttpInferRequest {
  id?: string;
  parameters: Parameters;
  feeds: Record<string, Tensor>;
  /** In this order; `undefined`: all. */
  outputs?: RequestedOutput[];
  /** Of outputs that are not named. */
  binaryOutputs: boolean;
}

interface GivenTensor {
  name: string;
  shape: number[];
  datatype: string;
  data?: unknown;
  bytes?: Uint8Array;
}

/** @param headerLength of the JSON, where binary tensors follow it. */
export function readHttpRequest(
  body: Buffer,
  headerLength: number | undefined,
  inputs: readonly ServedInput[],
): HttpInferRequest {
  const jsonBytes = headerLength ?? body.byteLength;
  if (jsonBytes > body.byteLength) {
    throw new InferenceError(
      400,
      `Inference-Header-Content-Length is ${jsonBytes}; the body has ${body.byteLength} bytes`,
    );
  }
  const parsed = requestSchema.safeParse(parseJson(body.subarray(0, jsonBytes)));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new InferenceError(400, `invalid request: ${issue?.path.join('.') || 'body'}: ${issue?.message}`);
  }
  const { id, parameters: all, inputs: tensors, outputs } = parsed.data;
  const { binary_data_output: binaryOutput, ...rest } = all;
  const given = withBytes(tensors, body.subarray(jsonBytes));
  return {
    id,
    parameters: rest,
    feeds: bindInputs(inputs, given, readTensor),
    outputs: outputs?.map((output) => requested(output, binaryOutput === true)),
    binaryOutputs: binaryOutput === true,
  };
}

function readTensor({ name, shape, datatype, data, bytes }: GivenTensor, declared: { binary?: boolean }): Tensor {
  const { binary } = declared;
  if (bytes === undefined) return decodeTensor({ name, shape, datatype, data, binary });
  const type = typeOfWire(datatype);
  if (!type) throw badInput(name, `datatype "${datatype}" is unknown`);
  return readBinaryTensor({ name, shape, datatype: type, binary }, bytes);
}

/** Each input that names a `binary_data_size` gets its bytes, in the order of the inputs; together they are all there are. */
function withBytes(tensors: z.infer<typeof requestSchema>['inputs'], binary: Buffer): GivenTensor[] {
  let at = 0;
  const given = tensors.map(({ parameters: own = {}, ...tensor }): GivenTensor => {
    if ('shared_memory_region' in own) throw badInput(tensor.name, 'shared memory is not supported; send the data');
    const size = own['binary_data_size'];
    if (size === undefined) return tensor;
    if (tensor.data !== undefined) throw badInput(tensor.name, 'has both data and binary_data_size; give one of them');
    if (!Number.isSafeInteger(size) || (size as number) < 0) {
      throw badInput(tensor.name, 'binary_data_size must be a number of bytes');
    }
    const start = at;
    at += size as number;
    if (at > binary.byteLength) {
      throw badInput(tensor.name, `binary_data_size is ${size}; the body has ${binary.byteLength - start} bytes left`);
    }
    return { ...tensor, bytes: binary.subarray(start, at) };
  });
  if (at !== binary.byteLength) {
    throw new InferenceError(
      400,
      `the body has ${binary.byteLength - at} bytes that no input's binary_data_size claims`,
    );
  }
  return given;
}

function requested(
  { name, parameters: own = {} }: { name: string; parameters?: Parameters },
  byDefault: boolean,
): RequestedOutput {
  for (const unsupported of ['classification', 'shared_memory_region']) {
    if (unsupported in own) throw new InferenceError(400, `output "${name}": ${unsupported} is not supported`);
  }
  const binary = own['binary_data'] ?? byDefault;
  if (typeof binary !== 'boolean') throw new InferenceError(400, `output "${name}": binary_data must be true or false`);
  return { name, binary };
}
