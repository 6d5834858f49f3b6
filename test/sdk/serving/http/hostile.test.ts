/** Messages that nobody means well: each is refused, and the server answers on. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { functionModel, serve } from '../../../../sdk/index.ts';
import type { InferContext, InferenceServer, Tensor } from '../../../../sdk/index.ts';
import { eventually } from '../../../support/eventually.ts';
import { echo, send } from '../support/echo.ts';

let server: InferenceServer;
let url: string;
let seen: InferContext | undefined;
let release: () => void;

beforeEach(async () => {
  const { inputs, outputs } = echo('');
  seen = undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const slow = async (feeds: Record<string, Tensor>, context: InferContext) => {
    seen = context;
    await gate;
    return { outputs: feeds };
  };
  const models = [
    echo('m'),
    echo('text', 'string', ['n']),
    functionModel({ name: 'slow', inputs, outputs, infer: slow }),
  ];
  server = await serve({
    models,
    limits: { bodyBytes: 1_500_000, jsonBytes: 1_200_000, requestMs: 600, inferMs: 60_000 },
    predict: {},
  });
  url = `http://127.0.0.1:${server.ports.http}`;
});

afterEach(async () => {
  release();
  await server.close();
});

const good = { inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] }] };
const stillAnswers = async () => expect((await send(`${url}/v2/models/m/infer`, { body: good })).status).toBe(200);

/** Sends bytes as they are; gives all that came until the server closed the connection. */
function raw(...pieces: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.ports.http, '127.0.0.1', () => {
      for (const piece of pieces) socket.write(piece);
    });
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

const head = (...headers: string[]) => `POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\n${headers.join('\r\n')}\r\n\r\n`;

describe('bodies', () => {
  const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

  test.each<[string, string, string | Uint8Array, number, string]>([
    [
      'deep data',
      '/v2/models/m/infer',
      JSON.stringify(good).replace('[1,2]}', `${deep(100_000)}}`),
      400,
      'nested deeper',
    ],
    ['deep parameters', '/v2/models/m/infer', `{"parameters":{"a":${deep(100_000)}}}`, 400, 'parameters.a'],
    ['a deep unknown key', '/v2/models/m/infer', `{"a":${deep(100_000)},"inputs":[]}`, 400, 'inputs'],
    ['many names', '/v2/models/m/infer', `{"parameters":{${'"a":1,'.repeat(70_000)}"b":1}}`, 413, 'names in objects'],
    ['many objects', '/sedna/predict', `{"data":[${'{},'.repeat(70_000)}1]}`, 413, 'more than 65536 objects'],
    ['deep lists', '/sedna/predict', `{"data":${deep(100_000)}}`, 422, 'nested deeper'],
    ['bad UTF-8', '/v2/models/m/infer', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), 400, 'not UTF-8'],
    ['a BOM', '/v2/models/m/infer', `\ufeff${JSON.stringify(good)}`, 400, 'not JSON'],
    [
      'NaN',
      '/v2/models/m/infer',
      '{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[NaN]}]}',
      400,
      'not JSON',
    ],
    ['1e999', '/v2/models/m/infer', JSON.stringify(good).replace('[1,2]}', '[1e999,1]}'), 400, 'too large'],
    ['__proto__', '/v2/models/m/infer', '{"__proto__":{"inputs":[1]}}', 400, 'inputs'],
    [
      'constructor as a name',
      '/v2/models/m/infer',
      JSON.stringify(good).replace('"x"', '"constructor"'),
      400,
      'no such input',
    ],
  ])('%s', async (...[, path, body, status, message]) => {
    const answer = await send(`${url}${path}`, { body });
    expect([answer.status, JSON.stringify(answer.body)]).toEqual([status, expect.stringContaining(message)]);
    await stillAnswers();
  });

  test('binary text that is not UTF-8, or cut off', async () => {
    for (const [bytes, message] of [
      [[2, 0, 0, 0, 0xff, 0xfe], 'element 0 is not UTF-8'],
      [[255, 255, 255, 255], 'element 0 is cut off'],
      [[0, 0], 'element 0 is cut off'],
      [[0, 0, 0, 0, 0, 0, 0, 0], 'has more elements than the 1 of'],
    ] as const) {
      const header = JSON.stringify({
        inputs: [{ name: 'x', shape: [1], datatype: 'BYTES', parameters: { binary_data_size: bytes.length } }],
      });
      const answer = await send(`${url}/v2/models/text/infer`, {
        body: Buffer.concat([Buffer.from(header), Buffer.from(bytes)]),
        headers: { 'inference-header-content-length': String(header.length) },
      });
      expect([answer.status, answer.body]).toEqual([400, { error: expect.stringContaining(message) }]);
    }
  });

  test('compressed: read, refused where it grows beyond the limit or is none', async () => {
    const gzip = (body: string | Buffer) => ({ body: gzipSync(body), headers: { 'content-encoding': 'gzip' } });
    expect((await send(`${url}/v2/models/m/infer`, gzip(JSON.stringify(good)))).status).toBe(200);
    const bomb = await send(`${url}/v2/models/m/infer`, gzip(Buffer.alloc(50_000_000)));
    expect([bomb.status, bomb.body]).toEqual([413, { error: expect.stringContaining('larger than 1200000 bytes') }]);
    const small = await send(`${url}/v2/models/m/infer`, gzip(Buffer.alloc(1_100_000)));
    expect([small.status, small.body]).toEqual([
      413,
      { error: expect.stringContaining('50 times as large as it came') },
    ]);
    const none = await send(`${url}/v2/models/m/infer`, { body: 'x', headers: { 'content-encoding': 'gzip' } });
    expect(none.status).toBe(400);
    const unknown = await send(`${url}/v2/models/m/infer`, { body: 'x', headers: { 'content-encoding': 'zip' } });
    expect(unknown.status).toBe(415);
  });
});

describe('connections', () => {
  test('a body larger than the limit is refused before it is sent, and chunks once they are beyond it', async () => {
    expect(await raw(head('content-length: 1000000000'))).toMatch(/^HTTP\/1.1 413 .*connection: close/is);
    const chunk = `186a0\r\n${'x'.repeat(100_000)}\r\n`;
    const json = await raw(head('content-length: 1300000'));
    expect(json).toMatch(/^HTTP\/1.1 413 .*larger than 1200000 bytes: send tensors in binary/is);
    expect(await raw(head('content-length: 1300000', 'inference-header-content-length: 1250000'))).toMatch(
      /^HTTP\/1.1 413 .*the JSON before the tensors is larger than 1200000 bytes/is,
    );
    expect(await raw(head('transfer-encoding: chunked'), ...Array<string>(16).fill(chunk))).toMatch(/^HTTP\/1.1 413 /);
    await stillAnswers();
  });

  test('slow head, slow body: 408 within the limit', async () => {
    const began = performance.now();
    const answers = await Promise.all([raw('POST /v2'), raw(head('content-length: 10'), '{')]);
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1.1 408 .*"error"/is);
    expect(performance.now() - began).toBeLessThan(15_000);
    await stillAnswers();
  });

  test.each([
    ['no HTTP', 'hello\r\n\r\n', 400],
    ['too many headers', head(`a: ${'x'.repeat(100_000)}`), 431],
    ['two lengths', head('content-length: 1', 'content-length: 2'), 400],
    ['length and chunks', head('content-length: 1', 'transfer-encoding: chunked'), 400],
    ['a bad chunk', `${head('transfer-encoding: chunked')}zz\r\n`, 400],
  ])('%s', async (_name, bytes, status) => {
    expect(await raw(bytes)).toMatch(new RegExp(`^HTTP/1.1 ${status} .*"error"`, 'is'));
    await stillAnswers();
  });

  test('a caller that goes is known to the model', async () => {
    const body = JSON.stringify(good);
    const socket = connect(server.ports.http, '127.0.0.1');
    socket.write(`POST /v2/models/slow/infer HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    await eventually(() => expect(seen).toBeDefined());
    expect(seen?.signal.aborted).toBe(false);
    socket.destroy();
    await eventually(() => expect(seen?.signal.aborted).toBe(true));
    expect((await send(`${url}/metrics`)).body).toContain(
      'nv_inference_request_failure{model="slow",version="1",reason="CANCELED"} 1',
    );
  });

  test('pipelined requests are answered in their order', async () => {
    const body = JSON.stringify({ ...good, id: 'first' });
    const one = (text: string, more = '') =>
      `${head(`content-length: ${text.length}`, ...(more ? [more] : []))}${text}`;
    const answer = await raw(one(body), one(JSON.stringify({ ...good, id: 'second' }), 'connection: close'));
    expect(answer.indexOf('"first"')).toBeGreaterThan(0);
    expect(answer.indexOf('"second"')).toBeGreaterThan(answer.indexOf('"first"'));
  });
});

test('a request has a time limit, and may wish for a shorter one', async () => {
  const answer = await send(`${url}/v2/models/slow/infer`, { body: { ...good, parameters: { timeout: 50_000 } } });
  expect([answer.status, answer.body]).toEqual([504, { error: 'model "slow" has not answered within 50 ms' }]);
  expect(seen?.signal.aborted).toBe(true);
});

test('closing answers what runs and refuses what comes', async () => {
  const running = send(`${url}/v2/models/slow/infer`, { body: good });
  await eventually(() => expect(seen).toBeDefined());
  const closed = server.close();
  const refused = await send(`${url}/v2/models/m/infer`, { body: good });
  expect([refused.status, refused.headers.get('connection'), refused.headers.get('retry-after')]).toEqual([
    503,
    'close',
    '1',
  ]);
  expect((await send(`${url}/v2/health/ready`)).status).toBe(503);
  release();
  expect((await running).status).toBe(200);
  await closed;
  await expect(send(`${url}/v2`)).rejects.toThrow();
});
