import type { MethodDefinition } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { MAX_RANK } from '../codec/json-tensor.ts';
import { InferenceError } from '../errors.ts';
import { checkDecodedSize } from './decoded-size.ts';
import { HEALTH_SCHEMA, INFERENCE_SCHEMA } from './schema.ts';

const options = { keepCase: true };
const inference = protobuf.parse(INFERENCE_SCHEMA, options).root;
const health = protobuf.parse(HEALTH_SCHEMA, options).root;

type Unary = MethodDefinition<object, object>;

/** As many tensors and parameters as a request over HTTP may have, and dimensions of a tensor. */
const MAX_TENSORS = 256;
const ELEMENTS = {
  inputs: MAX_TENSORS,
  outputs: MAX_TENSORS,
  raw_input_contents: MAX_TENSORS,
  parameters: MAX_TENSORS,
  shape: MAX_RANK,
};

interface MethodOptions {
  stream?: boolean;
  /** Its response is not checked. */
  raw?: boolean;
  /** Of memory for the elements of a decoded request. Default: no limit. */
  decodedBytes?: number;
}

/**
 * A method with messages as plain objects; `int64` are numbers or Long, `bytes` views of the received message. A request that is refused is
 * the `InferenceError` to answer: what is thrown here is "Error deserializing request" to its caller.
 */
function method(
  root: protobuf.Root,
  path: string,
  [request, response]: [request: string, response: string],
  { stream = false, raw = false, decodedBytes = Infinity }: MethodOptions = {},
): Unary {
  const [Request, Response] = [root.lookupType(request), root.lookupType(response)];
  return {
    path,
    requestStream: false,
    responseStream: stream,
    requestDeserialize: (bytes) => {
      try {
        checkDecodedSize(Request, bytes, { bytes: decodedBytes, elements: ELEMENTS });
        return Request.decode(bytes);
      } catch (error) {
        if (error instanceof InferenceError) return error;
        throw error;
      }
    },
    requestSerialize: (message) => asBuffer(Request.encode(Request.fromObject(message)).finish()),
    // Tensors are not copied and checked once more.
    responseSerialize: (message) => asBuffer(Response.encode(raw ? message : Response.fromObject(message)).finish()),
    responseDeserialize: (bytes) => Response.decode(bytes),
  };
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const METHODS = [
  'ServerLive',
  'ServerReady',
  'ModelReady',
  'ServerMetadata',
  'ModelMetadata',
  'ModelInfer',
  'ModelConfig',
  'ModelStatistics',
  'RepositoryIndex',
  'RepositoryModelLoad',
  'RepositoryModelUnload',
] as const;

export type InferenceMethod = (typeof METHODS)[number];

/** @param decodedBytes that the elements of a decoded request may take. */
export function inferenceMethods(decodedBytes?: number): Record<InferenceMethod, Unary> {
  const methods = METHODS.map((name) => [
    name,
    method(
      inference,
      `/inference.GRPCInferenceService/${name}`,
      [`inference.${name}Request`, `inference.${name}Response`],
      { raw: name === 'ModelInfer', decodedBytes },
    ),
  ]);
  return Object.fromEntries(methods) as Record<InferenceMethod, Unary>;
}

/** For callers. */
export const inferenceService = inferenceMethods();

const checks: [string, string] = ['grpc.health.v1.HealthCheckRequest', 'grpc.health.v1.HealthCheckResponse'];

export const healthService = {
  Check: method(health, '/grpc.health.v1.Health/Check', checks),
  Watch: method(health, '/grpc.health.v1.Health/Watch', checks, { stream: true }),
};
