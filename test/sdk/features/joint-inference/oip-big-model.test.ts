import { afterEach, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { oipBigModel } from '../../../../sdk/index.ts';
import type { Tensors } from '../../../../sdk/index.ts';

let server: Server | undefined;
afterEach(() => void server?.close());

async function asked(status: number, body: unknown): Promise<unknown> {
  server = createServer((request, response) => {
    request.resume().once('end', () => response.writeHead(status).end(JSON.stringify(body)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const feeds: Tensors = { x: { datatype: 'float32', shape: [1], data: Float32Array.of(1) } };
  return oipBigModel({ url, model: 'm' }).infer(feeds, { signal: AbortSignal.timeout(5_000) });
}

test.each([
  [200, { model_name: 'm', outputs: [] }, { refused: false, message: /m at http:.* answered no outputs/ }],
  [404, { error: 'model "m" is not loaded' }, { refused: false, unknown: true, message: /not loaded/ }],
  [400, { error: 'input "x" is missing' }, { refused: true, unknown: false, message: /"x" is missing/ }],
  [500, { error: 'out of memory' }, { refused: false, failedAtInput: true, message: /out of memory/ }],
])('an answer %d %j is no answer, and says who is to blame', async (status, body, { message, ...blame }) => {
  const why = { name: 'BigModelError', ...blame, message: expect.stringMatching(message) as unknown };
  await expect(asked(status, body)).rejects.toMatchObject(why);
});
