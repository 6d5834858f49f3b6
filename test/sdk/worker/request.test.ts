import { afterEach, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { request } from '../../../sdk/worker/request.ts';

let server: Server;
afterEach(() => void server.close());

async function answering(answer: (socket: Socket) => void): Promise<string> {
  server = createServer((socket) => socket.on('error', () => undefined).once('data', () => answer(socket)));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`;
}
const head = 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"a"';

test('an answer that is cut off is none', async () => {
  const url = await answering((socket) => socket.end(head));
  await expect(request(url, { body: {}, timeoutMs: 10_000 })).rejects.toThrow('aborted');
});

test('what is no HTTP, and a connection that is closed, are told', async () => {
  await expect(request(await answering((socket) => socket.end('nonsense\r\n')), { timeoutMs: 10_000 })).rejects.toThrow(
    'Parse Error',
  );
  server.close();
  const url = await answering((socket) => socket.destroy());
  await expect(request(url, { timeoutMs: 10_000 })).rejects.toThrow('socket hang up');
});

test('an answer that does not end is waited for so long and no longer', async () => {
  const url = await answering((socket) => socket.write(head));
  await expect(request(url, { timeoutMs: 100 })).rejects.toThrow('no answer within 100 ms');
});
