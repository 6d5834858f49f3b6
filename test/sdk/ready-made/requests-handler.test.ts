import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Cloud } from '../../../sdk/features/joint-inference/cloud.ts';
import { requestsHandler, toWire } from '../../../sdk/ready-made/lib/requests-handler.ts';
import { DeferredAnswers } from '../../../sdk/index.ts';
import type { Tensors } from '../../../sdk/index.ts';
import { until } from '../support/until.ts';

let deferred: DeferredAnswers<Tensors>;
let ending: AbortController;
let server: Server;
/** Of the last client that listens. */
let stream: ServerResponse | undefined;

beforeEach(async () => {
  const folder = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'requests-'));
  deferred = new DeferredAnswers<Tensors>({ folder, quotaBytes: 64 << 20, maxAgeMs: 60_000 });
  ending = new AbortController();
  const handler = requestsHandler(deferred, ending.signal);
  server = createServer((given, response) => {
    if (given.url === '/v2/requests') stream = response;
    if (!handler(given, response)) response.writeHead(404).end('not here');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await deferred.close();
});

async function get(path: string, method = 'GET'): Promise<{ status: number | undefined; body: string }> {
  const { port } = server.address() as AddressInfo;
  const [response] = (await once(request({ port, path, method }).end(), 'response')) as [IncomingMessage];
  return { status: response.statusCode, body: await text(response) };
}

const half = { out: { datatype: 'float16' as const, shape: [1, 2], data: Uint16Array.of(0x3c00, 0xc100) } };

test.each([
  ['//', 404, 'not here'],
  ['/v2/requests/', 404, 'not here'],
  ['/v2/requests/a/0', 404, 'no deferred request \\"a/0\\"'],
  ['/v2/requests/%E0%A4%A', 404, 'no deferred request'],
  ['/v2/requests/never?x=1', 404, 'no deferred request \\"never\\"'],
])('GET %s: %d', async (path, status, said) => {
  const { status: answered, body } = await get(path);
  expect({ answered, body }).toEqual({ answered: status, body: expect.stringContaining(said) });
});

test('one of several samples is found by its id as it is', async () => {
  const input = { x: { datatype: 'int32' as const, shape: [1], data: Int32Array.of(1) } };
  await deferred.keep({ id: 'many/0', input, provisional: half });
  for (const path of ['many/0', 'many%2F0']) expect((await get(`/v2/requests/${path}`)).status).toBe(200);
});

test('FP16 answers are written as FP32, which JSON has', () => {
  const outputs = [{ name: 'out', datatype: 'FP32', shape: [1, 2], data: [1, -2.5] }];
  expect(toWire({ id: 'a', state: 'final', answer: half, sequence: 1 })).toEqual({
    id: 'a',
    state: 'final',
    outputs,
    sequence: 1,
  });
});

test('a client that reads nothing holds up its own stream alone', async () => {
  const large = { out: { datatype: 'float32' as const, shape: [1, 300_000], data: new Float32Array(300_000) } };
  deferred.start(new Cloud({ bigModel: { infer: () => Promise.resolve(large) } }));
  for (let i = 0; i < 40; i++) {
    const input = { x: { datatype: 'int32' as const, shape: [1], data: Int32Array.of(i) } };
    await deferred.keep({ id: `r${i}`, input, provisional: half });
  }
  await until(async () => (await deferred.counts()).final === 40);
  const { port } = server.address() as AddressInfo;
  const asked = request({ port, path: '/v2/requests', headers: { 'last-event-id': '0' } }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  response.pause();
  await until(() => (stream?.writableLength ?? 0) > 0);
  for (const id of ['r39', 'r38', 'r37']) expect((await get(`/v2/requests/${id}`)).status).toBe(200);
  // All forty are 24 MB of JSON, of which the system's own buffers may hold ten.
  expect(stream?.writableLength).toBeLessThan(1 << 20);
  let finals = 0;
  let line = '';
  const ids: string[] = [];
  for await (const part of response) {
    const lines = (line + String(part)).split('\n');
    line = lines.pop() ?? '';
    finals += lines.filter((one) => one === 'event: final').length;
    ids.push(...lines.filter((one) => one.startsWith('id: ')));
    if (finals === 40) break;
  }
  expect(ids).toContain('id: 40');
});

test('streams end when the server does; who asks for one then is told to come back', async () => {
  const { port } = server.address() as AddressInfo;
  const [response] = (await once(request({ port, path: '/v2/requests' }).end(), 'response')) as [IncomingMessage];
  ending.abort();
  expect(await text(response)).toBe(': deferred answers\n\n');
  expect((await get('/v2/requests')).status).toBe(503);
  expect((await get('/v2/requests/never')).status).toBe(404);
});
