import { afterEach, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { Balancer } from '../../../workers/front/balancer.ts';
import { tcpProxy } from '../../../workers/front/tcp-proxy.ts';

const open: Server[] = [];
afterEach(() => open.splice(0).forEach((server) => server.close()));

async function listening(server: Server): Promise<number> {
  open.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

test('a client that reads slowly gets all that its replica said before it ended', async () => {
  const replica = createServer();
  const balancer = new Balancer();
  balancer.use({ version: 1, replicas: [{ name: 'a', ports: { grpc: await listening(replica) } }] });
  const front = tcpProxy(balancer, 'grpc');
  const client = connect(await listening(front), '127.0.0.1').pause();
  const [[inFront], [answering]] = (await Promise.all([once(front, 'connection'), once(replica, 'connection')])) as [
    [Socket],
    [Socket],
  ];
  let said = 0;
  // Until the system's buffers are full and the front holds a little itself.
  while (inFront.writableLength === 0) {
    answering.write(Buffer.alloc(4_096));
    said += 4_096;
    while (inFront.bytesWritten < said) await turn();
  }
  answering.resume().end();
  await once(answering, 'close');
  let heard = 0;
  client.on('data', (bytes) => (heard += bytes.length)).resume();
  await once(client, 'close');
  expect(heard).toBe(said);
});
