/** Every endpoint of the Open Inference Protocol v2 over HTTP and of the extensions that the server names, good and bad. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { functionModel, serve } from '../../../../sdk/index.ts';
import type { InferenceServer } from '../../../../sdk/index.ts';
import { binaryRequest, echo, loadable, send } from '../support/echo.ts';

let server: InferenceServer;
let url: string;

beforeAll(async () => {
  const { inputs, outputs } = echo('failing');
  const infer = () => Promise.reject(new Error('broken'));
  const failing = functionModel({ name: 'failing', inputs, outputs, infer });
  const models = [
    echo('m'),
    echo('with space/and slash'),
    failing,
    loadable('resting'),
    loadable('refusing', { refusal: new Error('no such file') }),
  ];
  server = await serve({ models, name: 'conformance', version: '7', limits: { bodyBytes: 100_000 } });
  url = `http://127.0.0.1:${server.ports.http}`;
});

afterAll(() => server.close());

const x = { name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] };
const good = { inputs: [x] };
const tensor = { name: 'x', shape: [-1, 2], datatype: 'FP32' };
const metadata = { name: 'm', versions: ['1'], platform: 'function', inputs: [tensor], outputs: [tensor] };
const answered = { model_name: 'm', model_version: '1', outputs: [x] };

type Row = [method: string, path: string, body: unknown, status: number, expected: unknown];

describe('endpoints', () => {
  test.each<Row>([
    ['GET', '/v2', undefined, 200, { name: 'conformance', version: '7', extensions: expect.any(Array) }],
    ['GET', '/v2/', undefined, 200, expect.objectContaining({ name: 'conformance' })],
    ['GET', '/v2/health/live', undefined, 200, { live: true }],
    ['GET', '/v2/health/ready', undefined, 503, { ready: false }],
    ['GET', '/v2/models', undefined, 200, { models: ['m', 'with space/and slash', 'failing', 'resting', 'refusing'] }],
    ['GET', '/v2/models/m', undefined, 200, metadata],
    ['GET', '/v2/models/m?x=1', undefined, 200, metadata],
    ['GET', '/v2/models/m/versions/1', undefined, 200, metadata],
    ['GET', '/v2/models/with%20space%2Fand%20slash', undefined, 200, expect.objectContaining({ versions: ['1'] })],
    ['GET', '/v2/models/m/ready', undefined, 200, { name: 'm', ready: true }],
    ['GET', '/v2/models/m/versions/1/ready', undefined, 200, { name: 'm', ready: true }],
    ['GET', '/v2/models/resting', undefined, 200, expect.objectContaining({ versions: [] })],
    ['GET', '/v2/models/resting/ready', undefined, 503, { name: 'resting', ready: false, reason: 'is resting' }],
    ['GET', '/v2/models/m/config', undefined, 200, expect.objectContaining({ name: 'm', max_batch_size: 0 })],
    ['GET', '/v2/models/m/versions/1/config', undefined, 200, expect.objectContaining({ name: 'm' })],
    ['GET', '/v2/models/m/stats', undefined, 200, { model_stats: expect.any(Array) }],
    ['GET', '/v2/models/m/versions/1/stats', undefined, 200, { model_stats: expect.any(Array) }],
    ['GET', '/v2/models/stats', undefined, 200, { model_stats: expect.any(Array) }],
    ['POST', '/v2/models/m/infer', good, 200, answered],
    ['POST', '/v2/models/m/versions/1/infer', good, 200, answered],
    ['POST', '/v2/models/m/infer', { ...good, id: 'a' }, 200, { ...answered, id: 'a' }],
    ['POST', '/v2/models/m/infer', { ...good, outputs: [{ name: 'x' }] }, 200, answered],
    ['POST', '/v2/models/m/infer', { inputs: [{ ...x, data: [[1, 2]] }] }, 200, answered],
    ['POST', '/v2/models/m/infer', { ...good, parameters: { priority: 3, sequence_start: true } }, 200, answered],
    ['GET', '/metrics', undefined, 200, expect.stringContaining('nv_inference_request_success{model="m",version="1"}')],
  ])('%s %s %j is %s', async (...[method, path, body, status, expected]: Row) => {
    const answer = await send(`${url}${path}`, { method, body });
    expect([answer.status, answer.body]).toEqual([status, expected]);
  });
});

describe('errors are {"error": …} with a status', () => {
  test.each<Row>([
    ['GET', '/v2/models/none', undefined, 404, 'model "none" is not served here; served: m, with space/and slash'],
    ['GET', '/v2/models/m/versions/2', undefined, 404, 'model "m" has no version "2"; it has 1'],
    ['GET', '/v2/models/m/versions/2/ready', undefined, 404, 'has no version'],
    ['GET', '/v2/models/none/ready', undefined, 404, 'not served'],
    ['GET', '/v2/models/none/config', undefined, 404, 'not served'],
    ['GET', '/v2/models/none/stats', undefined, 404, 'not served'],
    ['GET', '/v2/models/m/other', undefined, 404, 'GET /v2/models/m/other does not exist'],
    ['GET', '/v2/models/m/ready/more', undefined, 404, 'does not exist'],
    ['GET', '/v2/models/%ff', undefined, 404, 'does not exist'],
    ['GET', '/v2/models//', undefined, 404, 'does not exist'],
    ['GET', '/', undefined, 404, 'does not exist'],
    ['GET', '/v2/models/m/infer', undefined, 405, 'only POST is allowed here'],
    ['POST', '/v2', {}, 405, 'only GET is allowed here'],
    ['DELETE', '/v2/models/m', undefined, 405, 'only GET'],
    ['POST', '/v2/models/none/infer', good, 404, 'not served'],
    ['POST', '/v2/models/m/versions/2/infer', good, 404, 'has no version'],
    ['POST', '/v2/models/resting/infer', good, 503, 'model "resting" is resting'],
    ['POST', '/v2/models/failing/infer', good, 500, 'broken'],
    ['POST', '/v2/models/m/infer', '', 400, 'the body is not JSON'],
    ['POST', '/v2/models/m/infer', '{"inputs":', 400, 'the body is not JSON'],
    ['POST', '/v2/models/m/infer', '[1]', 400, 'invalid request'],
    ['POST', '/v2/models/m/infer', 'null', 400, 'invalid request'],
    ['POST', '/v2/models/m/infer', { ...good, outputs: [{ name: 'y' }] }, 400, 'output "y" does not exist; outputs: x'],
    ['POST', '/v2/models/m/infer', { ...good, parameters: { a: {} } }, 400, 'parameters.a'],
    ['POST', '/v2/models/m/infer', { inputs: [{ ...x, data: undefined }] }, 400, 'input "x": data must be an array'],
    ['POST', '/v2/models/m/infer', { inputs: [{ ...x, data: [1e39, 1] }] }, 400, 'element 0 is too large'],
    [
      'POST',
      '/v2/models/m/infer',
      { inputs: [{ ...x, parameters: { shared_memory_region: 'a' } }] },
      400,
      'input "x": shared memory is not supported',
    ],
    [
      'POST',
      '/v2/models/m/infer',
      { ...good, outputs: [{ name: 'x', parameters: { classification: 2 } }] },
      400,
      'output "x": classification is not supported',
    ],
    ['POST', '/v2/models/m/infer', { inputs: [{ ...x, data: 'x'.repeat(100_001) }] }, 413, 'larger than 100000 bytes'],
    ['POST', '/v2/repository/models/none/load', {}, 404, 'not served'],
    ['POST', '/v2/repository/models/m/load', {}, 400, 'cannot be loaded'],
    ['POST', '/v2/repository/models/m/unload', {}, 400, 'cannot be unloaded'],
    ['POST', '/v2/repository/models/refusing/load', {}, 500, 'no such file'],
    ['POST', '/v2/repository/models/resting/load', { parameters: { config: '{}' } }, 400, 'parameters'],
    ['POST', '/v2/repository/index', { ready: 1 }, 400, 'ready'],
    ['GET', '/v2/repository/index', undefined, 405, 'only POST'],
  ])('%s %s %j is %s', async (...[method, path, body, status, message]: Row) => {
    const answer = await send(`${url}${path}`, { method, body });
    expect([answer.status, answer.body]).toEqual([status, { error: expect.stringContaining(message as string) }]);
    expect(answer.headers.get('content-type')).toBe('application/json');
    // The server answers on.
    expect((await send(`${url}/v2/models/m/infer`, { body: good })).status).toBe(200);
  });

  test('a wrong method says which one is right; a model that is not ready says when to come back', async () => {
    expect((await send(`${url}/v2/models/m/infer`)).headers.get('allow')).toBe('POST');
    expect((await send(`${url}/v2/models/resting/infer`, { body: good })).headers.get('retry-after')).toBe('1');
  });
});

test('the repository: index, load, unload', async () => {
  const index = (body: object) => send(`${url}/v2/repository/index`, { body }).then((answer) => answer.body);
  const resting = { name: 'resting', version: '', state: 'UNAVAILABLE', reason: 'is resting' };
  expect(await index({})).toContainEqual(resting);
  expect(await index({ ready: true })).not.toContainEqual(resting);
  const load = await send(`${url}/v2/repository/models/resting/load`, { method: 'POST' });
  expect([load.status, load.body]).toEqual([200, { name: 'resting', load: true }]);
  expect(await index({ ready: true })).toContainEqual({ name: 'resting', version: '1', state: 'READY', reason: '' });
  expect((await send(`${url}/v2/models/resting/infer`, { body: good })).status).toBe(200);
  const unload = { parameters: { unload_dependents: true } };
  expect((await send(`${url}/v2/repository/models/resting/unload`, { body: unload })).status).toBe(200);
  expect(await index({})).toContainEqual(resting);
});

describe('binary tensors', () => {
  const values = Buffer.from(Float32Array.of(0.1, -2).buffer);
  const binary = { name: 'x', shape: [1, 2], datatype: 'FP32', parameters: { binary_data_size: 8 } };
  const infer = (request: ReturnType<typeof binaryRequest>) => send(`${url}/v2/models/m/infer`, request);

  test('in, and out in JSON', async () => {
    const { status, body } = await infer(binaryRequest({ inputs: [binary] }, values));
    expect([status, body]).toEqual([
      200,
      { ...answered, outputs: [{ ...x, data: Array.from(new Float32Array(values.buffer, values.byteOffset, 2)) }] },
    ]);
  });

  test.each([
    [{ parameters: { binary_data_output: true } }],
    [{ outputs: [{ name: 'x', parameters: { binary_data: true } }] }],
    [{ parameters: { binary_data_output: true }, outputs: [{ name: 'x' }] }],
  ])('in and out, asked for by %j', async (how) => {
    const { status, body, binary: bytes, headers } = await infer(binaryRequest({ ...how, inputs: [binary] }, values));
    expect([status, body]).toEqual([200, { ...answered, outputs: [binary] }]);
    expect(bytes).toEqual(values);
    expect(headers.get('content-type')).toBe('application/octet-stream');
  });

  test('JSON in, binary out; binary_data: false wins over the default', async () => {
    const parameters = { binary_data_output: true };
    const out = await send(`${url}/v2/models/m/infer`, { body: { inputs: [x], parameters } });
    expect(out.binary).toEqual(Buffer.from(Float32Array.of(1, 2).buffer));
    const outputs = [{ name: 'x', parameters: { binary_data: false } }];
    const json = await send(`${url}/v2/models/m/infer`, { body: { inputs: [x], parameters, outputs } });
    expect(json.body).toEqual(answered);
  });

  test.each<[string, object, Uint8Array, string]>([
    [
      'too few bytes for the shape',
      { binary_data_size: 4 },
      values.subarray(0, 4),
      'has 4 bytes; FP32 of shape [1, 2] needs 8',
    ],
    ['more than the body has', { binary_data_size: 9 }, values, 'binary_data_size is 9; the body has 8 bytes left'],
    ['a body with more', { binary_data_size: 8 }, Buffer.alloc(12), 'the body has 4 bytes that no input'],
    ['a negative size', { binary_data_size: -8 }, values, 'binary_data_size must be a number of bytes'],
    ['no size', {}, values, "no input's binary_data_size claims"],
    ['a huge size', { binary_data_size: 2 ** 53 }, values, 'binary_data_size must be'],
  ])('%s', async (_name, parameters, bytes, message) => {
    const data = 'binary_data_size' in parameters ? {} : { data: [1, 2] };
    const { status, body } = await infer(binaryRequest({ inputs: [{ ...binary, parameters, ...data }] }, bytes));
    expect([status, body]).toEqual([400, { error: expect.stringContaining(message) }]);
  });

  test.each([
    ['9999', 'Inference-Header-Content-Length is 9999'],
    ['-1', 'must be a number of bytes'],
    ['1e3', 'must be a number of bytes'],
  ])('a header length of %s', async (length, message) => {
    const { body, headers } = binaryRequest({ inputs: [binary] }, values);
    const answer = await infer({ body, headers: { ...headers, 'inference-header-content-length': length } });
    expect([answer.status, answer.body]).toEqual([400, { error: expect.stringContaining(message) }]);
  });
});
