import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { sendUnaryData, ServerUnaryCall, ServiceError } from '@grpc/grpc-js';
import { readGrpcRequest, writeGrpcResponse, type ModelInferRequest } from '../codec/grpc-messages.ts';
import { describeConfig, describeModel, describeStatistics, EXTENSIONS } from '../describe.ts';
import { inferenceError, InferenceError } from '../errors.ts';
import type { ServerIdentity } from '../http/endpoints.ts';
import type { InferenceService } from '../service.ts';
import { healthService, inferenceMethods, type InferenceMethod } from './definitions.ts';
import { HealthAnswers } from './health.ts';

type Call = ServerUnaryCall<object, object>;
type Answer = (call: Call) => Promise<object> | object;

export interface GrpcServer {
  readonly port: number;
  /** Answers what runs, within the bound; takes nothing new. */
  close(boundMs: number): Promise<void>;
}

export interface GrpcOptions extends ServerIdentity {
  host: string;
  port: number;
  /** Largest message, in bytes. */
  bodyLimit: number;
}

/** Typed contents of FP32 take twice their bytes: they never come to this limit, whole numbers and texts do. */
const DECODED_PER_BYTE = 2;

export async function listenGrpc(service: InferenceService, options: GrpcOptions): Promise<GrpcServer> {
  const { host, port, bodyLimit } = options;
  const server = new Server({
    'grpc.max_receive_message_length': bodyLimit,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': 1_024,
  });
  const answers = Object.entries(inferenceAnswers(service, options)).map(([name, answer]) => [name, unary(answer)]);
  const methods = inferenceMethods(DECODED_PER_BYTE * bodyLimit);
  server.addService(methods, Object.fromEntries(answers) as Record<InferenceMethod, ReturnType<typeof unary>>);
  const health = new HealthAnswers(service);
  server.addService(healthService, {
    Check: (call: Call, done: sendUnaryData<object>) => health.check(call, done),
    Watch: (call: Parameters<HealthAnswers['watch']>[0]) => health.watch(call),
  });
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error, actual) =>
      error ? reject(error) : resolve(actual),
    );
  });
  const close = (boundMs: number): Promise<void> => {
    health.end();
    return shutDown(server, boundMs);
  };
  return { port: bound, close };
}

type NamedRequest = { name: string; version: string };

function inferenceAnswers(
  service: InferenceService,
  { name, version }: ServerIdentity,
): Record<InferenceMethod, Answer> {
  const modelOf = ({ request }: Call) => {
    const { name: model, version: wanted } = request as NamedRequest;
    return service.find(model, wanted);
  };
  return {
    ServerLive: () => ({ live: true }),
    ServerReady: () => ({ ready: service.ready }),
    ServerMetadata: () => ({ name, version, extensions: EXTENSIONS }),
    ModelReady: (call) => ({ ready: modelOf(call).version() !== undefined }),
    ModelMetadata: (call) => describeModel(modelOf(call)),
    ModelConfig: (call) => ({ config: describeConfig(modelOf(call)) }),
    ModelStatistics: ({ request }) => {
      const { name: model } = request as NamedRequest;
      return describeStatistics(service.statistics.list(model === '' ? undefined : service.find(model).name));
    },
    ModelInfer: (call) => infer(service, call),
    RepositoryIndex: ({ request }) => ({ models: service.index((request as { ready: boolean }).ready) }),
    RepositoryModelLoad: async ({ request }) => {
      const { model_name: model, parameters = {} } = request as { model_name: string; parameters?: object };
      const [override] = Object.keys(parameters);
      if (override !== undefined) throw new InferenceError(400, `parameter "${override}" is not supported`);
      await service.load(model);
      return {};
    },
    RepositoryModelUnload: async ({ request }) => {
      await service.unload((request as { model_name: string }).model_name);
      return {};
    },
  };
}

function infer(service: InferenceService, call: Call): Promise<object> {
  const request = call.request as ModelInferRequest;
  const gone = new AbortController();
  call.on('cancelled', () => gone.abort(new InferenceError(499, 'the caller has gone', { reason: 'CANCELED' })));
  return service.infer(
    { model: request.model_name, version: request.model_version },
    { read: (inputs) => readGrpcRequest(request, inputs), write: writeGrpcResponse },
    gone,
  );
}

function unary(answer: Answer) {
  return (call: Call, done: sendUnaryData<object>): void => {
    const refused = call.request instanceof InferenceError ? Promise.reject(call.request) : Promise.resolve();
    refused
      .then(() => answer(call))
      .then(
        (message) => done(null, message),
        (error: unknown) => done(serviceError(error)),
      );
  };
}

const CODES: Record<number, status> = {
  400: status.INVALID_ARGUMENT,
  404: status.NOT_FOUND,
  413: status.RESOURCE_EXHAUSTED,
  499: status.CANCELLED,
  503: status.UNAVAILABLE,
  504: status.DEADLINE_EXCEEDED,
};

function serviceError(thrown: unknown): Partial<ServiceError> {
  const { statusCode, message } = inferenceError(thrown);
  return { code: CODES[statusCode] ?? status.INTERNAL, details: message };
}

function shutDown(server: Server, boundMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.forceShutdown(), boundMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
