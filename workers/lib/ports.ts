import { createServer, type Server } from 'node:net';

/**
 * Ports are taken below the ephemeral range: others' outgoing connections take ports of that while nobody listens there, and a client that
 * reconnects to a dead server's ephemeral port can connect to itself and so keep the server from coming back. 30000 and up is left to
 * Kubernetes' node ports.
 */
const RANGE = { first: 20_000, size: 10_000 };

export interface Bound {
  server: Server;
  port: number;
}

/** A free loopback port: the preferred one if it is free. */
export async function freePort(preferred?: number): Promise<number> {
  const { server, port } = (preferred === undefined ? undefined : await bind(preferred)) ?? (await bindAnywhere());
  await unbind(server);
  return port;
}

/** Undefined: somebody else has it. */
export function bind(port: number): Promise<Bound | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve({ server, port }));
  });
}

export async function bindAnywhere(not: ReadonlySet<number> = new Set()): Promise<Bound> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = RANGE.first + Math.floor(Math.random() * RANGE.size);
    const bound = not.has(port) ? undefined : await bind(port);
    if (bound) return bound;
  }
  throw new Error(`no free port found on 127.0.0.1 between ${RANGE.first} and ${RANGE.first + RANGE.size - 1}`);
}

export function unbind(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
