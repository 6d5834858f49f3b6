import { bodyLimits, protocolHandler, type BodyLimits, type RequestHandler } from './http/handler.ts';
import { listenHttp, type HttpLimits } from './http/server.ts';
import { sednaHandler, type PredictOptions } from './http/sedna.ts';
import type { ServedModel } from './served-model.ts';
import { InferenceService } from './service.ts';

export interface ServeOptions {
  models: readonly ServedModel[];
  /**
   * Default: 127.0.0.1, any free port. `handler` answers paths that are not the server's. `onClose` is called when the server begins to
   * close: answers of the handler that would go on for ever end then, or take `drainMs`.
   */
  http?: { host?: string; port?: number; handler?: RequestHandler; onClose?: () => void };
  /** The same over gRPC, with gRPC's health checking. Left out: not. Default host and port: HTTP's host, any free port. */
  grpc?: { host?: string; port?: number };
  /** Answers workers of Sedna's library as well: `POST /<job>/predict`. Left out: not. */
  predict?: PredictOptions;
  limits?: HttpLimits & {
    /** Largest request, in bytes. Default: 64 MiB. */
    bodyBytes?: number;
    /** Largest JSON, in bytes: all of a request over HTTP, or what is before its binary tensors. Default: 64 MiB. */
    jsonBytes?: number;
    /** For one request from its last byte to its answer, in ms. Default: 30 000. */
    inferMs?: number;
    /** For running requests when the server closes, in ms. Default: 30 000. */
    drainMs?: number;
  };
  /** How the server calls itself. */
  name?: string;
  version?: string;
}

export interface InferenceServer {
  readonly ports: { readonly http: number; readonly grpc?: number };
  /**
   * Graceful: running requests are answered, new ones refused with 503 and `Connection: close`; then everything the models hold is
   * freed. Closing twice is allowed.
   */
  close(): Promise<void>;
}

/** Serves models over the Open Inference Protocol v2; resolves once it listens. */
export async function serve(options: ServeOptions): Promise<InferenceServer> {
  const { models, http = {}, grpc, limits = {}, name = 'sedna', version = '0.1.0' } = options;
  const { drainMs = 30_000, inferMs } = limits;
  const bytes = bodyLimits({ body: limits.bodyBytes, json: limits.jsonBytes });
  const { host = '127.0.0.1' } = http;
  const service = new InferenceService({ models, inferMs });
  const handlers = handlersFor(service, options, bytes);
  const overHttp = await listenHttp(service, handlers, { host, port: http.port ?? 0, limits });
  const grpcOptions = { name, version, host, port: 0, bodyLimit: bytes.body, ...grpc };
  // Loaded by who serves it: most workers do not, and it takes a quarter of their start.
  const listenGrpc = async () => (await import('./grpc/server.ts')).listenGrpc(service, grpcOptions);
  const overGrpc =
    grpc &&
    (await listenGrpc().catch(async (error: unknown) => {
      await overHttp.close();
      throw error;
    }));
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    service.draining = true;
    http.onClose?.();
    await Promise.all([overHttp.drained(drainMs), overGrpc?.close(drainMs)]);
    await overHttp.close();
    await Promise.all(models.map(async (model) => model.close?.()));
  };
  return { ports: { http: overHttp.port, grpc: overGrpc?.port }, close: () => (closing ??= close()) };
}

function handlersFor(service: InferenceService, options: ServeOptions, limits: BodyLimits): RequestHandler[] {
  const { http, predict, name, version } = options;
  return [
    protocolHandler(service, { limits, name, version }),
    ...(predict ? [sednaHandler(service, predict, limits)] : []),
    ...(http?.handler ? [http.handler] : []),
  ];
}
