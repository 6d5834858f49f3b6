/**
 * A front: owns the ports of one worker set on its node and spreads what comes over the replicas in a file. A process of its own,
 * so that it outlives its local controller, and clients never see a replica come or go. How large a request may be and how long it
 * may take is up to the replicas.
 */
import { createServer } from 'node:http';
import type { Server } from 'node:net';
import { Balancer } from './balancer.ts';
import { httpProxy } from './http-proxy.ts';
import { controlPort, frontVariables } from './protocol.ts';
import { ReplicaFile } from './replica-list.ts';
import { tcpProxy } from './tcp-proxy.ts';

/** Below the time after which its local controller kills it. */
const farewellMs = 8_000;

function main(env: NodeJS.ProcessEnv): void {
  const ports = JSON.parse(env[frontVariables.ports] ?? '{}') as Record<string, number>;
  const balancer = new Balancer();
  const file = new ReplicaFile(env[frontVariables.directory] ?? '', (list) => balancer.use(list));
  file.watch();

  const silent = env[frontVariables.silentSeconds];
  const limits = silent === undefined ? {} : { silentMs: Number(silent) * 1_000 };
  const servers: Server[] = [];
  for (const [name, port] of Object.entries(ports)) {
    if (name === controlPort) continue;
    const server = name === env[frontVariables.http] ? httpProxy(balancer, name, limits) : tcpProxy(balancer, name);
    servers.push(server.listen(port, env[frontVariables.host] ?? '127.0.0.1'));
  }
  const control = createServer((request, response) => {
    if (request.method === 'POST' && request.url === '/reload') file.read();
    response.setHeader('content-type', 'application/json').end(JSON.stringify(balancer.stats()));
  });
  // Last, so that who reaches it knows that the others are there.
  let listening = 0;
  for (const server of servers) {
    server.once('error', giveUp);
    server.once('listening', () => {
      listening += 1;
      if (listening === servers.length) control.listen(ports[controlPort], '127.0.0.1');
    });
  }
  control.once('error', giveUp);

  process.once('SIGTERM', () => {
    for (const server of servers) server.close();
    setInterval(() => {
      if (Object.keys(balancer.stats().inFlight).length === 0) process.exit(0);
    }, 50);
    setTimeout(() => process.exit(0), farewellMs);
  });
}

function giveUp(error: Error): never {
  console.error(String(error));
  process.exit(1);
}

main(process.env);
