import { afterEach, describe, expect, test } from '@jest/globals';
import { functionModel, InferenceError, serve } from '../../../../sdk/index.ts';
import type { InferenceServer, PredictOptions, ServedModel, Tensor } from '../../../../sdk/index.ts';
import { echo, send } from '../support/echo.ts';

const servers: InferenceServer[] = [];
afterEach(() => Promise.all(servers.splice(0).map((server) => server.close())));

async function start(models: ServedModel[], predict: PredictOptions): Promise<string> {
  const server = await serve({ models, predict });
  servers.push(server);
  return `http://127.0.0.1:${server.ports.http}`;
}

/** What the library's client sends: unknown keys, `post_process` instead of `callback`. */
const predict = (url: string, data: unknown, job = 'helmet') =>
  send(`${url}/${job}/predict`, { body: { post_process: null, extra: 1, data } });

test('the routes are listed; both names answer', async () => {
  const url = await start([echo('m')], { job: 'helmet' });
  expect((await send(`${url}/helmet`)).body).toEqual({
    infos: [
      { path: '/sedna', name: 'model_info' },
      { path: '/sedna/predict', name: 'predict' },
      { path: '/helmet', name: 'model_info' },
      { path: '/helmet/predict', name: 'predict' },
    ],
  });
  for (const job of ['helmet', 'sedna']) {
    expect(await predict(url, [[1, 2]], job)).toMatchObject({ status: 200, body: { result: [[1, 2]] } });
  }
  expect((await predict(url, [[1, 2]], 'other')).status).toBe(404);
});

test('rows, a single row, an empty list', async () => {
  const url = await start([echo('m')], {});
  expect(
    (
      await predict(
        url,
        [
          [1, 2],
          [3, 4],
        ],
        'sedna',
      )
    ).body,
  ).toEqual({
    result: [
      [1, 2],
      [3, 4],
    ],
  });
  expect((await predict(url, [1, 2], 'sedna')).body).toEqual({ result: [1, 2] });
  const empty = await start([echo('m', 'float32', ['n'])], {});
  expect((await predict(empty, [], 'sedna')).body).toEqual({ result: [] });
});

test('several outputs are a list of them, in their order', async () => {
  const x = { name: 'x', datatype: 'float32', shape: ['n'] } as const;
  const infer = async ({ x: given }: Record<string, Tensor>) => ({
    outputs: { a: given as Tensor, b: { datatype: 'int64', shape: [1], data: BigInt64Array.of(7n) } as Tensor },
  });
  const outputs = [x, { name: 'b', datatype: 'int64', shape: [1] } as const];
  const url = await start([functionModel({ name: 'm', inputs: [x], outputs, infer })], {});
  expect((await predict(url, [1, 2], 'sedna')).body).toEqual({ result: [[1, 2], [7]] });
});

test('a handler answers instead of a model', async () => {
  const url = await start([echo('m')], { job: 'helmet', handler: async (data) => [data.length, ...data] });
  expect((await predict(url, [{ any: 'thing' }])).body).toEqual({ result: [1, { any: 'thing' }] });
});

describe('problems, as FastAPI words them', () => {
  test.each<[unknown, unknown]>([
    [{}, { loc: ['body', 'data'], msg: 'field required', type: 'value_error.missing' }],
    [{ data: 'x' }, { loc: ['body', 'data'], msg: 'value is not a valid list', type: 'type_error.list' }],
    ['{', { loc: ['body'], msg: expect.stringContaining('not JSON'), type: 'value_error.jsondecode' }],
    [
      { data: [[1, 2], [3]] },
      { loc: ['body', 'data'], msg: expect.stringContaining('differ in length'), type: 'value_error' },
    ],
    [
      { data: [1, [2]] },
      { loc: ['body', 'data'], msg: expect.stringContaining('differ in length'), type: 'value_error' },
    ],
    [
      { data: ['a', 'b'] },
      { loc: ['body', 'data'], msg: expect.stringContaining('expected a number'), type: 'value_error' },
    ],
    [
      { data: [1, 2, 3] },
      { loc: ['body', 'data'], msg: expect.stringContaining('has shape [1, 3]'), type: 'value_error' },
    ],
  ])('%j is 422', async (body, detail) => {
    const url = await start([echo('m')], {});
    expect(await send(`${url}/sedna/predict`, { body })).toMatchObject({ status: 422, body: { detail: [detail] } });
  });

  test('what fails inside is 500 in plain text; back-pressure stays 503', async () => {
    const broken = await start([echo('m')], { handler: () => Promise.reject(new Error('broken')) });
    expect(await predict(broken, [1], 'sedna')).toMatchObject({ status: 500, body: 'broken' });
    const busy = await start([echo('m')], {
      handler: () => Promise.reject(new InferenceError(503, 'busy', { retryAfter: 2 })),
    });
    const answer = await predict(busy, [1], 'sedna');
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '2']);
  });
});
