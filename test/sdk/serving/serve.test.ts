import { afterEach, expect, test } from '@jest/globals';
import { functionModel, InferenceError, serve } from '../../../sdk/index.ts';
import type { FunctionModelOptions, InferenceServer } from '../../../sdk/index.ts';

let server: InferenceServer | undefined;

afterEach(() => server?.close());

const described: Omit<FunctionModelOptions, 'infer'> = {
  name: 'sum',
  inputs: [{ name: 'x', datatype: 'float32', shape: ['n'] }],
  outputs: [{ name: 'sum', datatype: 'float32', shape: [1] }],
};

const body = {
  id: 'a',
  parameters: { by: 'hand' },
  inputs: [{ name: 'x', datatype: 'FP32', shape: [2], data: [1, 2] }],
};

async function infer(options: Pick<FunctionModelOptions, 'infer'>) {
  server = await serve({ models: [functionModel({ ...described, ...options })] });
  const response = await fetch(`http://127.0.0.1:${server.ports.http}/v2/models/sum/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

test('a function is served as a model: it sees the request, its parameters reach the caller', async () => {
  const answer = await infer({
    infer: async ({ x }, { id, parameters }) => ({
      outputs: {
        sum: { datatype: 'float32', shape: [1], data: [Array.from(x?.data as Float32Array).reduce((a, b) => a + b)] },
      },
      parameters: { degraded: false, by: parameters['by'] ?? '', request: id ?? '' },
    }),
  });
  expect(answer).toEqual({
    status: 200,
    body: {
      model_name: 'sum',
      model_version: '1',
      id: 'a',
      parameters: { degraded: false, by: 'hand', request: 'a' },
      outputs: [{ name: 'sum', shape: [1], datatype: 'FP32', data: [3] }],
    },
  });
});

test('an error of the function has the status that it names, else 500', async () => {
  const refuse = await infer({ infer: async () => Promise.reject(new InferenceError(503, 'not now')) });
  expect(refuse).toEqual({ status: 503, body: { error: 'not now' } });
  await server?.close();
  const fail = await infer({ infer: async () => Promise.reject(new Error('broken')) });
  expect(fail).toEqual({ status: 500, body: { error: 'broken' } });
});

test('a port that is taken is said, and nothing is left listening', async () => {
  const model = functionModel({ ...described, infer: async () => ({ outputs: {} }) });
  const first = await serve({ models: [model], grpc: {} });
  const { http = 0, grpc = 0 } = first.ports;
  await expect(serve({ models: [model], http: { port: http } })).rejects.toThrow('EADDRINUSE');
  const free = await serve({ models: [model] });
  await free.close();
  const taken = { models: [model], http: { port: free.ports.http }, grpc: { port: grpc } };
  await expect(serve(taken)).rejects.toThrow(String(grpc));
  await expect(fetch(`http://127.0.0.1:${free.ports.http}/v2`)).rejects.toThrow();
  await first.close();
});

test('more loads than may wait are refused at once', async () => {
  let release = (): void => undefined;
  const loaded = new Promise<void>((resolve) => (release = resolve));
  const model = functionModel({ ...described, infer: async () => ({ outputs: {} }) });
  server = await serve({ models: [{ ...model, load: () => loaded }] });
  const url = `http://127.0.0.1:${server.ports.http}/v2/repository/models/sum/load`;
  const asked = Array.from({ length: 5 }, () => fetch(url, { method: 'POST' }));
  expect((await Promise.race(asked)).status).toBe(503);
  release();
  const statuses = (await Promise.all(asked)).map(({ status }) => status);
  expect(statuses.sort()).toEqual([200, 200, 200, 200, 503]);
  expect((await fetch(url, { method: 'POST' })).status).toBe(200);
});

test('two models of one name are refused', async () => {
  const model = functionModel({ ...described, infer: async () => ({ outputs: {} }) });
  await expect(serve({ models: [model, model] })).rejects.toThrow('two models have the same name');
});
