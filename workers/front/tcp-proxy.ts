/** Any other protocol (gRPC), connection by connection. A replica that is drained says goodbye in its own protocol when it is stopped. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Balancer } from './balancer.ts';

/** As of requests. */
const connections = 4_096;
/** A client that takes nothing for so long of what a replica said before it ended is let go. */
const lingerMs = 30_000;

export function tcpProxy(balancer: Balancer, port: string): Server {
  const options = { noDelay: true, pauseOnConnect: true, keepAlive: true, keepAliveInitialDelay: 60_000 };
  const server = createServer(options, (client) => {
    client.on('error', () => client.destroy());
    tryNext(balancer, port, client, new Set());
  });
  server.maxConnections = connections;
  return server;
}

function tryNext(balancer: Balancer, port: string, client: Socket, tried: Set<string>): void {
  const target = balancer.take(port, tried);
  if (target === undefined) {
    balancer.refuse();
    client.destroy();
    return;
  }
  // Connections may stay for days: they count for the choice while they are made, not as requests that a drain waits for.
  const upstream = connect({ host: '127.0.0.1', port: target.port, noDelay: true });
  let connected = false;
  upstream.once('connect', () => {
    connected = true;
    balancer.counted();
    target.done();
    client.pipe(upstream).pipe(client);
    client.once('close', () => upstream.destroy());
    client.resume();
  });
  upstream.once('error', () => {
    target.done();
    if (connected) return void client.destroy();
    tried.add(target.replica.name);
    tryNext(balancer, port, client, tried);
  });
  upstream.once('close', () => connected && letGo(client));
  client.once('close', () => target.done());
}

/** What it was told last may not have left yet: it reads slowly. */
function letGo(client: Socket): void {
  client.setTimeout(lingerMs, () => client.destroy());
  client.destroySoon();
}
