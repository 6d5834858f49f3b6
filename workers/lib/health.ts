import type { FastifyInstance } from 'fastify';
import { fastify } from 'fastify';
import { collectDefaultMetrics, Registry } from 'prom-client';

export interface Health {
  /** What is missing before this process does its work; empty when it does. */
  missing(): string[];
}

/** HTTP server with `/healthz` (the process answers), `/readyz` (it works; else says what is missing) and `/metrics`. */
export function healthServer(health: Health): { server: FastifyInstance; registry: Registry } {
  const server = fastify({ logger: false, bodyLimit: 1 << 20, forceCloseConnections: true });
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  server.get('/healthz', () => ({ status: 'ok' }));
  server.get('/readyz', (_request, reply) => {
    const missing = health.missing();
    return reply.code(missing.length === 0 ? 200 : 503).send({ ready: missing.length === 0, missing });
  });
  server.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()));
  return { server, registry };
}
