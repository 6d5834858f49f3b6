import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { ConfigError } from './config.ts';
import { httpServer, type HttpLimits } from './http-server.ts';

export interface Health {
  /** What is missing before this process does its work; empty when it does. */
  missing(): string[];
  /** Brings gauges up to date before they are read. */
  refresh?(): Promise<void>;
  /** Further metrics in Prometheus' text format, appended to our own. */
  more?(): Promise<string>;
}

/** HTTP server with `/healthz` (the process answers), `/readyz` (it works; else says what is missing) and `/metrics`. */
export function healthServer(health: Health, limits?: HttpLimits): { server: FastifyInstance; registry: Registry } {
  const server = httpServer(limits);
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  server.get('/healthz', () => ({ status: 'ok' }));
  server.get('/readyz', (_request, reply) => {
    const missing = health.missing();
    return reply.code(missing.length === 0 ? 200 : 503).send({ ready: missing.length === 0, missing });
  });
  server.get('/metrics', async (_request, reply) => {
    await health.refresh?.();
    const [own, more = ''] = await Promise.all([registry.metrics(), health.more?.()]);
    return reply.type(registry.contentType).send(own + more);
  });
  return { server, registry };
}

/** Resolves to the base URL. */
export async function listen(server: FastifyInstance, { port, host }: { port: number; host: string }): Promise<string> {
  try {
    return await server.listen({ port, host });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'EADDRINUSE') throw new ConfigError(`cannot listen on ${host}:${port}: ${message}`, { cause: error });
    throw new ConfigError(`port ${port} on ${host} is in use by another process`, {
      code: 'PortInUse',
      hint: 'choose another one with --port or SEDNA_PORT (0 takes a free one), or stop the other process',
      cause: error,
    });
  }
}
