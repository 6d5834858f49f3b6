import Fastify from 'fastify';
import type { FastifyError, FastifyInstance } from 'fastify';
import { InferenceError } from './errors.ts';
import { readInferRequest, wireShape } from './infer-request.ts';
import { encodeTensor } from './json-tensor.ts';
import type { ServedModel } from './served-model.ts';
import { wireType } from './tensor.ts';
import type { Tensor, TensorInfo } from '../tensor.ts';

export interface InferenceServerOptions {
  models: readonly ServedModel[];
  /** Largest request, in bytes. Default: 16 MiB. */
  bodyLimit?: number;
  /** Limit for a request to arrive completely, in ms. Default: 30 000. */
  requestTimeoutMs?: number;
  name?: string;
  version?: string;
}

interface ModelParams {
  model: string;
  version?: string;
}

/**
 * HTTP server of the Open Inference Protocol v2 (KServe "v2"), JSON tensors. Not listening yet: call `listen({host, port})`.
 * Errors are `{"error": "…"}` with the HTTP status.
 */
export function createInferenceServer(options: InferenceServerOptions): FastifyInstance {
  const { models, bodyLimit = 16 * 1024 * 1024, requestTimeoutMs = 30_000 } = options;
  const server = Fastify({ bodyLimit, requestTimeout: requestTimeoutMs, forceCloseConnections: 'idle' });
  const byName = new Map(models.map((model) => [model.name, model]));
  server.setErrorHandler<FastifyError>((error, _request, reply) => {
    const status = error.statusCode ?? 500;
    void reply.status(status).send({ error: error.message });
  });
  server.setNotFoundHandler((request, reply) => {
    void reply.status(404).send({ error: `${request.method} ${request.url} does not exist` });
  });
  addServerRoutes(server, options);
  for (const base of ['/v2/models/:model', '/v2/models/:model/versions/:version']) addModelRoutes(server, base, byName);
  return server;
}

function addServerRoutes(server: FastifyInstance, options: InferenceServerOptions): void {
  const { models, name = 'sedna', version = '0.1.0' } = options;
  server.get('/v2', () => ({ name, version, extensions: [] }));
  server.get('/v2/health/live', () => ({ live: true }));
  server.get('/v2/health/ready', (_request, reply) => {
    const ready = models.every((model) => model.version() !== undefined);
    return reply.status(ready ? 200 : 503).send({ ready });
  });
}

function addModelRoutes(server: FastifyInstance, base: string, models: ReadonlyMap<string, ServedModel>): void {
  server.get<{ Params: ModelParams }>(base, ({ params }) => metadata(find(models, params)));
  server.get<{ Params: ModelParams }>(`${base}/ready`, ({ params }, reply) => {
    const model = find(models, params);
    const ready = model.version() !== undefined;
    return reply.status(ready ? 200 : 503).send({ name: model.name, ready });
  });
  server.post<{ Params: ModelParams }>(`${base}/infer`, ({ params, body }) => infer(find(models, params), body));
}

function find(models: ReadonlyMap<string, ServedModel>, { model: name, version }: ModelParams): ServedModel {
  const model = models.get(name);
  if (!model)
    throw new InferenceError(404, `model "${name}" is not served here; served: ${[...models.keys()].join(', ')}`);
  if (version !== undefined && version !== model.version()) {
    throw new InferenceError(404, `model "${name}" has no version "${version}"; it has ${model.version() ?? 'none'}`);
  }
  return model;
}

function metadata(model: ServedModel) {
  const version = model.version();
  return {
    name: model.name,
    versions: version === undefined ? [] : [version],
    platform: 'onnxruntime_onnx',
    inputs: model.inputs.map(describe),
    outputs: model.outputs.map(describe),
  };
}

const describe = ({ name, datatype, shape }: TensorInfo) => ({
  name,
  datatype: wireType(datatype),
  shape: wireShape(shape),
});

async function infer(model: ServedModel, body: unknown) {
  if (model.version() === undefined) throw new InferenceError(503, `model "${model.name}" is not loaded yet`);
  const { id, parameters: given, feeds, outputs: wanted } = readInferRequest(body, model.inputs);
  const context = { id, parameters: given, signal: new AbortController().signal };
  const { version, outputs, parameters } = await model.infer(feeds, context);
  return {
    model_name: model.name,
    model_version: version,
    ...(id !== undefined && { id }),
    ...(parameters && { parameters }),
    outputs: (wanted ?? Object.keys(outputs)).map((name) => encodeTensor(name, output(outputs, name))),
  };
}

function output(outputs: Record<string, Tensor>, name: string): Tensor {
  const found = Object.hasOwn(outputs, name) ? outputs[name] : undefined;
  if (found) return found;
  throw new InferenceError(400, `output "${name}" does not exist; outputs: ${Object.keys(outputs).join(', ')}`);
}
