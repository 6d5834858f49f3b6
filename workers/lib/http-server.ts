/**
 * The HTTP server of GM and LC, which nobody can occupy: every request, connection and wait on it has a bound, and what is refused is
 * told why in the words of Sedna's API, `{Status, Message}`.
 */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { fastify } from 'fastify';
import { answerBroken, boundPipelines } from './http-bounds.ts';

export interface HttpLimits {
  /** For a request to arrive whole, in ms: who sends a byte a minute holds a connection no longer. Default: 30 000. */
  requestMs?: number;
  /** Bytes of a body. Default: 1 MiB. */
  bodyBytes?: number;
  /** Requests of one connection that wait for their answers at once; a client that needs more opens another. Default: 64. */
  pipelined?: number;
  /** Default: 4 096. */
  connections?: number;
}

/** Names of objects have up to 253 characters, those of their workers some more. */
const longestName = 400;

export function httpServer(limits: HttpLimits = {}): FastifyInstance {
  const { requestMs = 30_000, bodyBytes = 1 << 20, pipelined = 64, connections = 4_096 } = limits;
  const server = fastify({
    logger: false,
    bodyLimit: bodyBytes,
    requestTimeout: requestMs,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: longestName },
    http: {
      headersTimeout: requestMs,
      connectionsCheckingInterval: Math.min(1_000, Math.ceil(requestMs / 10)),
      // Clients that would rather speak HTTP/2 (`Upgrade: h2c`) are answered in HTTP/1.1, as if they had not asked.
      shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
    },
    clientErrorHandler: answerBroken(words),
    frameworkErrors: (error, _request, reply) =>
      void (reply as FastifyReply).code(error.statusCode ?? 400).send(words(error)),
  });
  server.server.maxConnections = connections;
  boundPipelines(server.server, pipelined);
  server.setNotFoundHandler(({ method, url }, reply) =>
    reply.code(404).send(words({ statusCode: 404, message: `${method} ${url.slice(0, 200)} does not exist` })),
  );
  server.addHook('onRequest', async ({ headers }, reply) => {
    const coding = headers['content-encoding'];
    if (coding === undefined || coding.toLowerCase() === 'identity') return;
    const message = `Content-Encoding ${coding.slice(0, 40)} is not read here; send the body as it is`;
    return reply.code(415).send(words({ statusCode: 415, message }));
  });
  return server;
}

const words = ({ statusCode = 500, message }: { statusCode?: number; message: string }) => ({
  Status: statusCode,
  Message: message,
});
