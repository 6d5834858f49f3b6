import type { IncomingMessage, ServerResponse } from 'node:http';
import type { InferenceService } from '../service.ts';
import { answer, type ServerIdentity } from './endpoints.ts';
import { sendError } from './respond.ts';
import { routeOf } from './router.ts';

/** Whether it answers the request; if not, it has not touched it. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => boolean;

/** Of one request, in bytes. */
export interface BodyLimits {
  body: number;
  /** Of what is JSON. */
  json: number;
}

export interface HandlerOptions extends Partial<ServerIdentity> {
  /** Default: 64 MiB each. */
  limits?: Partial<BodyLimits>;
}

const DEFAULT_LIMIT = 64 * 1024 * 1024;

export const bodyLimits = ({ body = DEFAULT_LIMIT, json = DEFAULT_LIMIT }: Partial<BodyLimits> = {}): BodyLimits => ({
  body,
  json,
});

/** Answers all paths of the Open Inference Protocol v2, its extensions and `/metrics`. */
export function protocolHandler(service: InferenceService, options: HandlerOptions = {}): RequestHandler {
  const { name = 'sedna', version = '0.1.0' } = options;
  const limits = bodyLimits(options.limits);
  return (request, response) => {
    const route = routeOf(request.method ?? '', request.url ?? '');
    if (!route) return false;
    answer(service, { name, version }, route, { request, response, limits }).catch((error: unknown) =>
      sendError(response, error),
    );
    return true;
  };
}
