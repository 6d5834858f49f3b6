import { DEFAULT_BODY_LIMIT, protocolHandler, type RequestHandler } from './http/handler.ts';
import { listenHttp, type HttpLimits } from './http/server.ts';
import { sednaHandler, type PredictOptions } from './http/sedna.ts';
import type { ServedModel } from './served-model.ts';
import { InferenceService } from './service.ts';

export interface ServeOptions {
  models: readonly ServedModel[];
  /** Default: 127.0.0.1, any free port. `handler` answers paths that are not the server's. */
  http?: { host?: string; port?: number; handler?: RequestHandler };
  /** Answers workers of Sedna's library as well: `POST /<job>/predict`. Left out: not. */
  predict?: PredictOptions;
  limits?: HttpLimits & {
    /** Largest request, in bytes. Default: 64 MiB. */
    bodyBytes?: number;
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
  const { models, http = {}, predict, limits = {}, name, version } = options;
  const { bodyBytes = DEFAULT_BODY_LIMIT } = limits;
  const service = new InferenceService({ models, inferMs: limits.inferMs });
  const handlers = [protocolHandler(service, { bodyLimit: bodyBytes, name, version })];
  if (predict) handlers.push(sednaHandler(service, predict, bodyBytes));
  if (http.handler) handlers.push(http.handler);
  const listening = { host: http.host ?? '127.0.0.1', port: http.port ?? 0, limits };
  const overHttp = await listenHttp(service, handlers, listening);
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    service.draining = true;
    await overHttp.drained(limits.drainMs ?? 30_000);
    await overHttp.close();
    await Promise.all(models.map(async (model) => model.close?.()));
  };
  return { ports: { http: overHttp.port }, close: () => (closing ??= close()) };
}
