import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ModelSlot, createInferenceServer } from '../../../sdk/index.ts';
import type { RunnableModel, Tensor, TensorInfo, TensorType } from '../../../sdk/index.ts';
import { GraphBuilder } from '../../../sdk/estimators/onnx/graph/builder.ts';
import { OnnxModel } from '../../../sdk/estimators/onnx/onnx-model.ts';
import { until } from '../support/until.ts';

/** Gives back what it got, in any type; each run ends when the test lets it. */
class EchoModel implements RunnableModel {
  readonly inputs: TensorInfo[];
  closed = false;
  running = 0;
  gate: Promise<void> = Promise.resolve();

  constructor(datatype: TensorType = 'float32', shape: (number | string)[] = ['n', 2]) {
    this.inputs = [{ name: 'x', datatype, shape }];
  }

  get outputs(): TensorInfo[] {
    return this.inputs;
  }

  async run(feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
    if (this.closed) throw new Error('used after close');
    this.running++;
    await this.gate;
    if (this.closed) throw new Error('closed while in use');
    return feeds;
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

let slot: ModelSlot;
let server: ReturnType<typeof createInferenceServer>;
let url: string;

beforeEach(async () => {
  slot = new ModelSlot('helmet');
  server = createInferenceServer({ models: [slot], bodyLimit: 4096 });
  url = await server.listen({ host: '127.0.0.1', port: 0 });
});

afterEach(() => server.close());

async function ask(path: string, body?: unknown) {
  const init = { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) };
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}${path}`, body === undefined ? {} : { ...init, headers });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const infer = (tensor: object, more: object = {}) =>
  ask('/v2/models/helmet/infer', {
    inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2], ...tensor }],
    ...more,
  });

describe('a real ONNX model', () => {
  test('describes itself and answers', async () => {
    slot.swap(await OnnxModel.open(new GraphBuilder().input([2]).relu().toBytes()), '1');
    const { body } = await ask('/v2/models/helmet');
    expect(body).toMatchObject({ name: 'helmet', versions: ['1'], inputs: [{ datatype: 'FP32', shape: [-1, 2] }] });
    const [{ name }] = body.inputs as [{ name: string }];
    const [{ name: output }] = body.outputs as [{ name: string }];
    const inputs = [
      {
        name,
        shape: [2, 2],
        datatype: 'FP32',
        data: [
          [-1, 2],
          [3, -4.5],
        ],
      },
    ];
    expect(await ask('/v2/models/helmet/versions/1/infer', { id: 'a', inputs })).toEqual({
      status: 200,
      body: {
        model_name: 'helmet',
        model_version: '1',
        id: 'a',
        outputs: [{ name: output, shape: [2, 2], datatype: 'FP32', data: [0, 2, 3, 0] }],
      },
    });
    slot.clear();
  });
});

test('health and readiness follow the model', async () => {
  expect((await ask('/v2')).body).toMatchObject({ name: 'sedna', version: '0.1.0' });
  expect(await ask('/v2/health/live')).toEqual({ status: 200, body: { live: true } });
  expect(await ask('/v2/health/ready')).toEqual({ status: 503, body: { ready: false } });
  expect(await infer({})).toEqual({ status: 503, body: { error: 'model "helmet" is not loaded yet' } });
  slot.swap(new EchoModel(), '1');
  expect(await ask('/v2/health/ready')).toEqual({ status: 200, body: { ready: true } });
  expect(await ask('/v2/models/helmet/ready')).toEqual({ status: 200, body: { name: 'helmet', ready: true } });
});

test('a swap under load drops no request and closes the old model after its last one', async () => {
  const first = new EchoModel();
  let release = () => {};
  first.gate = new Promise((resolve) => (release = resolve));
  slot.swap(first, '1');
  const old = Array.from({ length: 8 }, () => infer({}));
  await until(() => first.running === 8);
  const second = new EchoModel();
  slot.swap(second, '2');
  expect((await infer({})).body.model_version).toBe('2');
  expect(first.closed).toBe(false);
  release();
  for (const { status, body } of await Promise.all(old)) expect([status, body.model_version]).toEqual([200, '1']);
  await until(() => first.closed);
  expect(second.closed).toBe(false);
});

test('routes of one’s own beside the protocol', async () => {
  slot.swap(new EchoModel(), '1');
  const own = createInferenceServer({ models: [slot] });
  own.post<{ Body: { a: number } }>('/predict', async ({ body }) => ({ twice: body.a * 2 }));
  const base = await own.listen({ host: '127.0.0.1', port: 0 });
  const post = (path: string, body: object) =>
    fetch(`${base}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  expect(await (await post('/predict', { a: 2 })).json()).toEqual({ twice: 4 });
  expect((await post('/v2/models/helmet/infer', {})).status).toBe(400);
  expect((await fetch(`${base}/v2/models/helmet/ready`)).status).toBe(200);
  await own.close();
});

describe('element types', () => {
  test.each<[TensorType, string, unknown[], unknown[]?]>([
    ['bool', 'BOOL', [true, false], undefined],
    ['uint8', 'UINT8', [0, 255], undefined],
    ['int16', 'INT16', [-32768, 32767], undefined],
    ['uint32', 'UINT32', [0, 4294967295], undefined],
    ['int64', 'INT64', [-5, '9223372036854775807'], undefined],
    ['uint64', 'UINT64', [0, '18446744073709551615'], undefined],
    ['float64', 'FP64', [0.1, -1e300], undefined],
    ['string', 'BYTES', ['a', 'ü'], undefined],
    ['float32', 'FP32', [0.1, 2], [Math.fround(0.1), 2]],
  ])('%s', async (type, datatype, data, expected = data) => {
    slot.swap(new EchoModel(type), '1');
    const { body } = await infer({ datatype, data });
    expect(body.outputs).toEqual([{ name: 'x', shape: [1, 2], datatype, data: expected }]);
  });

  test.each<[TensorType, object, string]>([
    ['uint8', { datatype: 'UINT8', data: [0, 256] }, 'element 1 is 256; expected a whole number from 0 to 255'],
    ['int32', { datatype: 'INT32', data: [0.5, 1] }, 'element 0 is 0.5'],
    [
      'int64',
      { datatype: 'INT64', data: ['9223372036854775808', 1] },
      'expected a whole number from -9223372036854775808',
    ],
    ['int64', { datatype: 'INT64', data: [2 ** 53, 1] }, 'as text beyond 2^53'],
    ['bool', { datatype: 'BOOL', data: [2, 0] }, 'expected true or false'],
    ['string', { datatype: 'BYTES', data: [1, 'a'] }, 'expected text'],
    ['float32', { data: ['1', 2] }, 'element 0 is "1"; expected a number'],
    ['float32', { data: [null, 2] }, 'element 0 is null'],
    ['float16', { datatype: 'FP16' }, 'FP16 has no JSON form'],
  ])('%s %j is refused', async (type, tensor, message) => {
    slot.swap(new EchoModel(type), '1');
    const { status, body } = await infer(tensor);
    expect(status).toBe(400);
    expect(body.error).toMatch(/^input "x": /);
    expect(body.error).toContain(message);
  });
});

describe('requests that are refused', () => {
  beforeEach(() => slot.swap(new EchoModel(), '1'));

  test.each([
    [{ data: [1, 2, 3] }, 'input "x": data has 3 elements; shape [1, 2] needs 2'],
    [{ data: 5 }, 'input "x": data must be an array'],
    [{ shape: [2] }, 'input "x": has shape [2]; expected FP32 of shape [-1, 2]'],
    [{ shape: [1, 3] }, 'input "x": has shape [1, 3]'],
    [{ shape: [-1, 2] }, 'inputs.0.shape.0'],
    [{ shape: [2 ** 31, 2] }, 'inputs.0.shape.0'],
    [{ shape: [2 ** 31 - 1, 2] }, 'needs 4294967294'],
    [{ datatype: 'FP64' }, 'input "x": is FP64; expected FP32'],
    [{ datatype: 'constructor' }, 'input "x": is constructor; expected FP32'],
    [{ name: 'y' }, 'input "y": the model has no such input; it has: x'],
  ])('%j', async (tensor, message) => {
    const { status, body } = await infer(tensor);
    expect(status).toBe(400);
    expect(body.error).toContain(message);
  });

  test.each([
    ['/v2/models/helmet/infer', '{', 400],
    ['/v2/models/helmet/infer', '[]', 400],
    ['/v2/models/helmet/infer', '{"inputs":[]}', 400],
    ['/v2/models/helmet/infer', `{"inputs":[{"name":"${'x'.repeat(5000)}"}]}`, 413],
    ['/v2/models/helmet/infer', '{"__proto__":{"a":1},"inputs":[]}', 400],
    ['/v2/models/helmet/versions/9/infer', '{}', 404],
    ['/v2/models/other/infer', '{}', 404],
    ['/v2/models/constructor', undefined, 404],
    ['/v3', undefined, 404],
  ])('%s %.40s is %s', async (path, body, status) => {
    const answer = await ask(path, body);
    expect(answer.status).toBe(status);
    expect(Object.keys(answer.body)).toEqual(['error']);
    expect(answer.body.error).toEqual(expect.any(String));
  });

  test('twice the same input, an unknown output', async () => {
    const tensor = { name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] };
    expect((await ask('/v2/models/helmet/infer', { inputs: [tensor, tensor] })).body.error).toBe(
      'input "x": is given twice',
    );
    expect((await infer({}, { outputs: [{ name: 'z' }] })).body.error).toBe('output "z" does not exist; outputs: x');
    expect((await infer({}, { outputs: [{ name: 'x' }] })).status).toBe(200);
  });
});
