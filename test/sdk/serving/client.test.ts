/** What a client of inference bears of a server: answers that do not end, that end early, or that come too late. */
import { afterEach, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { InferenceClient, InferenceClientError, sednaBigModel, type Tensor } from '../../../sdk/index.ts';
import { eventually } from '../../support/eventually.ts';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function answering(answer: (response: ServerResponse) => void): Promise<number> {
  server = createServer((request, response) => void request.resume().once('end', () => answer(response)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function cutOff(response: ServerResponse): void {
  response.writeHead(200, { 'content-length': 100 }).write('{"outputs": [', () => response.destroy());
}

const x: Tensor = { datatype: 'float32', shape: [1], data: Float32Array.of(1) };
const request = { model: 'm', feeds: { x } };
const clientOf = (port: number, longestAnswer?: number) =>
  new InferenceClient(`http://127.0.0.1:${port}`, { ...(longestAnswer !== undefined && { longestAnswer }) });

test('an answer that does not end is not read to its end', async () => {
  let isLetGo = false;
  const port = await answering((response) => {
    const chunk = Buffer.alloc(64 << 10);
    const more = (): void => void (response.destroyed || response.write(chunk, more));
    response.once('close', () => (isLetGo = true));
    more();
  });
  const asked = clientOf(port, 1 << 20).infer(request);
  await expect(asked).rejects.toThrow(InferenceClientError);
  await expect(asked).rejects.toThrow('the answer is longer than 1048576 bytes');
  await eventually(() => expect(isLetGo).toBe(true));
});

test('an answer that is cut off is an error that names the server, of either client', async () => {
  const port = await answering(cutOff);
  const asked = clientOf(port).infer(request);
  await expect(asked).rejects.toThrow(InferenceClientError);
  await expect(asked).rejects.toThrow(/^http:.*: the answer was cut off: /);
  const big = sednaBigModel({ host: '127.0.0.1', port, service: 'm' });
  await expect(big.infer([1], { signal: AbortSignal.timeout(5_000) })).rejects.toMatchObject({
    name: 'BigModelError',
    message: expect.stringMatching(/^http:.*: the answer was cut off: /) as unknown,
  });
});

test('who is told to stop in the middle of an answer rejects with the reason of the signal', async () => {
  const over = new AbortController();
  const port = await answering((response) => {
    response.writeHead(200, { 'content-length': 100 }).write('{', () => setImmediate(() => over.abort('no more')));
  });
  await expect(clientOf(port).infer({ ...request, signal: over.signal })).rejects.toBe('no more');
});
