import { createServer, type Server } from 'node:net';

/**
 * Ports are taken below the ephemeral range: a client that reconnects to a dead server's ephemeral port can connect to
 * itself and so keep the server from coming back. 30000 and up is left to Kubernetes' node ports.
 */
const RANGE = { first: 20_000, size: 10_000 };

/**
 * One free loopback port per name. `before` holds the ports of an earlier run; they are kept while nobody else has them.
 * Names in `held` keep theirs without a look: their owner still runs.
 */
export async function allocatePorts(
  names: string[],
  before: Record<string, number> = {},
  held: ReadonlySet<string> = new Set(),
): Promise<Record<string, number>> {
  const ports: Record<string, number> = {};
  const taken = new Set(Object.values(before));
  const servers: Server[] = [];
  try {
    for (const name of names) {
      const old = before[name];
      if (old && held.has(name)) {
        ports[name] = old;
        continue;
      }
      const server = (old ? await listen(old) : undefined) ?? (await listenAnywhere(taken));
      servers.push(server.server);
      ports[name] = server.port;
      taken.add(server.port);
    }
  } finally {
    await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  }
  return ports;
}

export async function isFree(port: number): Promise<boolean> {
  const bound = await listen(port);
  if (bound) await new Promise((done) => bound.server.close(done));
  return bound !== undefined;
}

async function listenAnywhere(taken: ReadonlySet<number>): Promise<{ server: Server; port: number }> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = RANGE.first + Math.floor(Math.random() * RANGE.size);
    const bound = taken.has(port) ? undefined : await listen(port);
    if (bound) return bound;
  }
  throw new Error(`no free port found on 127.0.0.1 between ${RANGE.first} and ${RANGE.first + RANGE.size - 1}`);
}

function listen(port: number): Promise<{ server: Server; port: number } | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ port, host: '127.0.0.1' }, () => resolve({ server, port }));
  });
}
