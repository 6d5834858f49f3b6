import type * as fastifyPackage from 'fastify';
import type { FastifyError, FastifyInstance } from 'fastify';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { protocolHandler } from './http/handler.ts';
import { timeouts } from './http/server.ts';
import type { ServedModel } from './served-model.ts';
import { InferenceService } from './service.ts';

export interface InferenceServerOptions {
  models: readonly ServedModel[];
  /** Largest request, in bytes. Default: 16 MiB. */
  bodyLimit?: number;
  /** Limit for a request to arrive completely, in ms. Default: 30 000. */
  requestTimeoutMs?: number;
  name?: string;
  version?: string;
}

const require = createRequire(import.meta.url);

/**
 * The Open Inference Protocol v2 over HTTP for servers with routes of their own: add them before `listen({host, port})`. Where none
 * are needed, `serve` does more. Errors are `{"error": "…"}` with the HTTP status.
 */
export function createInferenceServer(options: InferenceServerOptions): FastifyInstance {
  const { models, bodyLimit = 16 * 1024 * 1024, requestTimeoutMs = 30_000, name, version } = options;
  const protocol = protocolHandler(new InferenceService({ models }), { limits: { body: bodyLimit }, name, version });
  // Loaded by who calls this: no other worker needs it.
  const { fastify } = require('fastify') as typeof fastifyPackage;
  const server = fastify({
    bodyLimit,
    forceCloseConnections: 'idle',
    // The protocol is answered before Fastify sees a request: its copies and checks are not for large tensors.
    serverFactory: (others) =>
      createServer(timeouts({ requestMs: requestTimeoutMs }), (request, response) => {
        if (!protocol(request, response)) others(request, response);
      }),
  });
  server.setErrorHandler<FastifyError>((error, _request, reply) => {
    void reply.status(error.statusCode ?? 500).send({ error: error.message });
  });
  server.setNotFoundHandler((request, reply) => {
    void reply.status(404).send({ error: `${request.method} ${request.url} does not exist` });
  });
  return server;
}
