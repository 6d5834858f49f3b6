import type { MethodDefinition } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { HEALTH_SCHEMA, INFERENCE_SCHEMA } from './schema.ts';

const options = { keepCase: true };
const inference = protobuf.parse(INFERENCE_SCHEMA, options).root;
const health = protobuf.parse(HEALTH_SCHEMA, options).root;

type Unary = MethodDefinition<object, object>;

/** A method with messages as plain objects; `int64` are numbers or Long, `bytes` views of the received message. */
function method(
  root: protobuf.Root,
  path: string,
  [request, response]: [request: string, response: string],
  { stream = false, raw = false }: { stream?: boolean; raw?: boolean } = {},
): Unary {
  const [Request, Response] = [root.lookupType(request), root.lookupType(response)];
  return {
    path,
    requestStream: false,
    responseStream: stream,
    requestDeserialize: (bytes) => Request.decode(bytes),
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

export const inferenceService = Object.fromEntries(
  METHODS.map((name) => [
    name,
    method(
      inference,
      `/inference.GRPCInferenceService/${name}`,
      [`inference.${name}Request`, `inference.${name}Response`],
      { raw: name === 'ModelInfer' },
    ),
  ]),
) as Record<InferenceMethod, Unary>;

const checks: [string, string] = ['grpc.health.v1.HealthCheckRequest', 'grpc.health.v1.HealthCheckResponse'];

export const healthService = {
  Check: method(health, '/grpc.health.v1.Health/Check', checks),
  Watch: method(health, '/grpc.health.v1.Health/Watch', checks, { stream: true }),
};
