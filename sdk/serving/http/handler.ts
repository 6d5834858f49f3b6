import type { IncomingMessage, ServerResponse } from 'node:http';
import type { InferenceService } from '../service.ts';
import { answer, type ServerIdentity } from './endpoints.ts';
import { sendError } from './respond.ts';
import { routeOf } from './router.ts';

/** Whether it answers the request; if not, it has not touched it. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface HandlerOptions extends Partial<ServerIdentity> {
  /** Largest request, in bytes. Default: 64 MiB. */
  bodyLimit?: number;
}

export const DEFAULT_BODY_LIMIT = 64 * 1024 * 1024;

/** Answers all paths of the Open Inference Protocol v2, its extensions and `/metrics`. */
export function protocolHandler(service: InferenceService, options: HandlerOptions = {}): RequestHandler {
  const { name = 'sedna', version = '0.1.0', bodyLimit = DEFAULT_BODY_LIMIT } = options;
  return (request, response) => {
    const route = routeOf(request.method ?? '', request.url ?? '');
    if (!route) return false;
    answer(service, { name, version }, route, { request, response, bodyLimit }).catch((error: unknown) =>
      sendError(response, error),
    );
    return true;
  };
}
