import { Client, credentials, status } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { functionModel, InferenceError, serve } from '../../../sdk/index.ts';
import type { InferContext, InferenceServer } from '../../../sdk/index.ts';
import { healthService, inferenceService } from '../../../sdk/serving/grpc/definitions.ts';
import type { InferenceMethod } from '../../../sdk/serving/grpc/definitions.ts';
import { eventually } from '../../support/eventually.ts';
import { echo, loadable } from './support/echo.ts';

let server: InferenceServer;
let client: Client;
let seen: InferContext | undefined;

beforeAll(async () => {
  const { inputs, outputs } = echo('');
  const models = [
    echo('m'),
    echo('int8', 'int8', ['n']),
    echo('text', 'string', ['n']),
    echo('half', 'float16', ['n']),
    loadable('resting'),
    functionModel({ name: 'busy', inputs, outputs, infer: () => Promise.reject(new InferenceError(503, 'not now')) }),
    functionModel({
      name: 'asked',
      inputs,
      outputs,
      infer: async (feeds, context) => {
        seen = context;
        return { outputs: feeds, parameters: { degraded: true, ratio: 0.5, count: 3, reason: 'late' } };
      },
    }),
    functionModel({
      name: 'slow',
      inputs,
      outputs,
      infer: (_feeds, context) => {
        seen = context;
        return new Promise(() => undefined);
      },
    }),
  ];
  server = await serve({ models, grpc: {}, name: 'g', version: '7', limits: { bodyBytes: 100_000 } });
  client = new Client(`127.0.0.1:${server.ports.grpc}`, credentials.createInsecure());
});

afterAll(async () => {
  client.close();
  await server.close();
});

function call(name: InferenceMethod | 'Check', message: object, options: { deadline?: number } = {}): Promise<object> {
  const method = name === 'Check' ? healthService.Check : inferenceService[name];
  return new Promise((resolve, reject) => {
    const { path, requestSerialize, responseDeserialize } = method;
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, message, options, (error, answer) => {
      if (error) reject(error);
      else resolve(JSON.parse(JSON.stringify(answer ?? {})) as object);
    });
  });
}

const floats = (...values: number[]) => Buffer.from(Float32Array.from(values).buffer);
const x = { name: 'x', datatype: 'FP32', shape: [1, 2] };
const ask = { model_name: 'm', inputs: [x], raw_input_contents: [floats(1, 2)] };

test.each<[InferenceMethod | 'Check', object, object]>([
  ['ServerLive', {}, { live: true }],
  ['ServerReady', {}, {}],
  ['ServerMetadata', {}, { name: 'g', version: '7', extensions: expect.any(Array) }],
  ['ModelReady', { name: 'm' }, { ready: true }],
  ['ModelReady', { name: 'm', version: '1' }, { ready: true }],
  ['ModelReady', { name: 'resting' }, {}],
  ['ModelMetadata', { name: 'm' }, { versions: ['1'], inputs: [{ ...x, shape: ['-1', '2'] }], platform: 'function' }],
  [
    'ModelConfig',
    { name: 'm' },
    { config: { name: 'm', input: [{ name: 'x', data_type: 'TYPE_FP32', dims: ['-1', '2'] }] } },
  ],
  ['ModelStatistics', {}, {}],
  [
    'RepositoryIndex',
    {},
    { models: expect.arrayContaining([{ name: 'resting', state: 'UNAVAILABLE', reason: 'is resting' }]) },
  ],
  [
    'RepositoryIndex',
    { ready: true },
    { models: expect.arrayContaining([{ name: 'm', version: '1', state: 'READY' }]) },
  ],
  ['RepositoryModelLoad', { model_name: 'resting' }, {}],
  ['ServerReady', {}, { ready: true }],
  ['Check', {}, { status: 'SERVING' }],
  ['Check', { service: 'resting' }, { status: 'SERVING' }],
  ['RepositoryModelUnload', { model_name: 'resting' }, {}],
  ['Check', {}, { status: 'NOT_SERVING' }],
  ['Check', { service: 'm' }, { status: 'SERVING' }],
])('%s %j', async (name, message, expected) => {
  expect(await call(name, message)).toMatchObject(expected);
});

describe('inference', () => {
  test('raw contents; the id comes back', async () => {
    const answer = await call('ModelInfer', { ...ask, id: 'a', model_version: '1' });
    expect(answer).toMatchObject({
      model_name: 'm',
      model_version: '1',
      id: 'a',
      outputs: [{ ...x, shape: ['1', '2'] }],
    });
    expect(answer).toHaveProperty('raw_output_contents', [floats(1, 2).toString('base64')]);
  });

  test.each<[string, string, object, Buffer]>([
    ['m', 'FP32', { fp32_contents: [1, 2] }, floats(1, 2)],
    ['int8', 'INT8', { int_contents: [-128, 127] }, Buffer.from(Int8Array.of(-128, 127).buffer)],
    ['text', 'BYTES', { bytes_contents: [Buffer.from('a'), Buffer.from('ü')] }, Buffer.from('\x01\0\0\0a\x02\0\0\0ü')],
  ])('typed contents: %s', async (model_name, datatype, contents, expected) => {
    const shape = model_name === 'm' ? [1, 2] : [2];
    const answer = await call('ModelInfer', { model_name, inputs: [{ name: 'x', datatype, shape, contents }] });
    expect(answer).toHaveProperty('raw_output_contents', [expected.toString('base64')]);
  });

  test('parameters of all types, both ways', async () => {
    const parameters = {
      a: { bool_param: true },
      b: { int64_param: 7 },
      c: { string_param: 'x' },
      d: { double_param: 0.5 },
    };
    const answer = await call('ModelInfer', { ...ask, model_name: 'asked', parameters });
    expect(seen?.parameters).toEqual({ a: true, b: 7, c: 'x', d: 0.5 });
    expect(answer).toMatchObject({
      parameters: {
        degraded: { bool_param: true },
        ratio: { double_param: 0.5 },
        count: { int64_param: '3' },
        reason: { string_param: 'late' },
      },
    });
  });

  test('a caller that gives up is known to the model', async () => {
    const given = call('ModelInfer', { ...ask, model_name: 'slow' }, { deadline: Date.now() + 300 });
    await expect(given).rejects.toMatchObject({ code: status.DEADLINE_EXCEEDED });
    await eventually(() => expect(seen?.signal.aborted).toBe(true));
  });
});

describe('errors', () => {
  test.each<[InferenceMethod | 'Check', object, keyof typeof status, string]>([
    ['ModelInfer', { ...ask, model_name: 'none' }, 'NOT_FOUND', 'model "none" is not served here'],
    ['ModelInfer', { ...ask, model_version: '2' }, 'NOT_FOUND', 'has no version "2"'],
    ['ModelInfer', { ...ask, model_name: 'resting' }, 'UNAVAILABLE', 'is resting'],
    ['ModelInfer', { ...ask, model_name: 'busy' }, 'UNAVAILABLE', 'not now'],
    ['ModelInfer', { ...ask, raw_input_contents: [floats(1)] }, 'INVALID_ARGUMENT', 'input "x": has 4 bytes'],
    [
      'ModelInfer',
      { ...ask, raw_input_contents: [floats(1, 2), floats(1)] },
      'INVALID_ARGUMENT',
      'raw_input_contents has 2',
    ],
    ['ModelInfer', { ...ask, inputs: [] }, 'INVALID_ARGUMENT', 'raw_input_contents has 1 elements for 0'],
    ['ModelInfer', { model_name: 'm' }, 'INVALID_ARGUMENT', 'input "x": is missing'],
    ['ModelInfer', { ...ask, inputs: [{ ...x, shape: [-1, 2] }] }, 'INVALID_ARGUMENT', 'dimensions go from 0'],
    ['ModelInfer', { ...ask, inputs: [{ ...x, datatype: 'FP64' }] }, 'INVALID_ARGUMENT', 'is FP64; expected FP32'],
    ['ModelInfer', { ...ask, outputs: [{ name: 'y' }] }, 'INVALID_ARGUMENT', 'output "y" does not exist'],
    ['ModelInfer', { ...ask, raw_input_contents: [Buffer.alloc(100_001)] }, 'RESOURCE_EXHAUSTED', ''],
    [
      'ModelInfer',
      { model_name: 'int8', inputs: [{ name: 'x', datatype: 'INT8', shape: [1], contents: { int_contents: [128] } }] },
      'INVALID_ARGUMENT',
      'element 0 is 128, which int8 cannot hold',
    ],
    [
      'ModelInfer',
      {
        model_name: 'text',
        inputs: [{ name: 'x', datatype: 'BYTES', shape: [1], contents: { bytes_contents: [Buffer.of(255)] } }],
      },
      'INVALID_ARGUMENT',
      'element 0 is not UTF-8',
    ],
    [
      'ModelInfer',
      { model_name: 'half', inputs: [{ name: 'x', datatype: 'FP16', shape: [1], contents: {} }] },
      'INVALID_ARGUMENT',
      'FP16 has no typed contents',
    ],
    ['ModelMetadata', { name: 'none' }, 'NOT_FOUND', 'not served'],
    ['RepositoryModelLoad', { model_name: 'm' }, 'INVALID_ARGUMENT', 'cannot be loaded'],
    [
      'RepositoryModelLoad',
      { model_name: 'resting', parameters: { config: { string_param: '{}' } } },
      'INVALID_ARGUMENT',
      'parameter "config"',
    ],
    ['RepositoryModelUnload', { model_name: 'none' }, 'NOT_FOUND', 'not served'],
    ['Check', { service: 'none' }, 'NOT_FOUND', 'not served'],
  ])('%s %j is %s', async (name, message, code, details) => {
    const error = (await call(name, message).catch((thrown: unknown) => thrown)) as ServiceError;
    expect([status[error.code], error.details]).toEqual([code, expect.stringContaining(details)]);
  });
});

describe('messages that would take far more memory than they have bytes are refused before they are decoded', () => {
  const part = (tag: number, content: Buffer) => {
    const length = [];
    for (let rest = content.length; ; rest >>>= 7) {
      length.push(rest < 128 ? rest : (rest & 127) | 128);
      if (rest < 128) return Buffer.concat([Buffer.of(tag, ...length), content]);
    }
  };
  const repeated = (count: number, ...bytes: number[]) => Buffer.alloc(count * bytes.length, Buffer.from(bytes));
  /** Of the first input. */
  const contents = (bytes: Buffer) => part(0x2a, part(0x2a, bytes));

  test.each<[string, Buffer, keyof typeof status, string]>([
    ['inputs', repeated(40_000, 0x2a, 0), 'INVALID_ARGUMENT', 'more than 256 elements of inputs'],
    ['outputs', repeated(257, 0x32, 0), 'INVALID_ARGUMENT', 'more than 256 elements of outputs'],
    ['raw contents', repeated(257, 0x3a, 0), 'INVALID_ARGUMENT', 'more than 256 elements of raw_input_contents'],
    ['parameters', repeated(257, 0x22, 0), 'INVALID_ARGUMENT', 'more than 256 elements of parameters'],
    [
      'parameters of an input',
      part(0x2a, repeated(257, 0x22, 0)),
      'INVALID_ARGUMENT',
      'more than 256 elements of parameters',
    ],
    ['dimensions', part(0x2a, part(0x1a, repeated(17, 1))), 'INVALID_ARGUMENT', 'more than 16 elements of shape'],
    ['dimensions one by one', part(0x2a, repeated(17, 0x18, 1)), 'INVALID_ARGUMENT', 'more than 16 elements of shape'],
    ['texts', contents(repeated(2_000, 0x42, 0)), 'RESOURCE_EXHAUSTED', 'elements of bytes_contents would take'],
    ['longs', contents(part(0x1a, repeated(4_000, 1))), 'RESOURCE_EXHAUSTED', 'elements of int64_contents would take'],
    ['longs one by one', contents(repeated(4_000, 0x18, 1)), 'RESOURCE_EXHAUSTED', 'elements of int64_contents'],
    ['truths', contents(part(0x0a, repeated(30_000, 1))), 'RESOURCE_EXHAUSTED', 'elements of bool_contents would take'],
    ['what is none', Buffer.of(0x2a, 5), 'INVALID_ARGUMENT', 'the message is no ModelInferRequest'],
  ])('%s', async (_name, bytes, code, details) => {
    const { path, responseDeserialize } = inferenceService.ModelInfer;
    const error = await new Promise<ServiceError | null>((resolve) => {
      client.makeUnaryRequest(
        path,
        (given: Buffer) => given,
        responseDeserialize,
        bytes,
        (thrown) => resolve(thrown),
      );
    });
    expect([error && status[error.code], error?.details]).toEqual([code, expect.stringContaining(details)]);
  });

  test('as many numbers as a message has room for are not', async () => {
    const count = 24_000;
    const inputs = [{ ...x, shape: [count / 2, 2], contents: { fp32_contents: Array<number>(count).fill(1) } }];
    expect(await call('ModelInfer', { model_name: 'm', inputs })).toHaveProperty('raw_output_contents');
  });
});

test('closing tells watchers and ends; what runs is answered', async () => {
  let release = () => {};
  const { inputs, outputs } = echo('');
  const gate = new Promise<void>((resolve) => (release = resolve));
  let running = false;
  const infer = async (feeds: Parameters<Parameters<typeof functionModel>[0]['infer']>[0]) => {
    running = true;
    await gate;
    return { outputs: feeds };
  };
  const own = await serve({ models: [functionModel({ name: 'm', inputs, outputs, infer })], grpc: {} });
  const channel = new Client(`127.0.0.1:${own.ports.grpc}`, credentials.createInsecure());
  const { Watch } = healthService;
  const told: unknown[] = [];
  const watch = channel.makeServerStreamRequest(Watch.path, Watch.requestSerialize, Watch.responseDeserialize, {});
  watch.on('data', (message: { status: number }) => told.push(message.status));
  watch.on('error', () => undefined);
  await eventually(() => expect(told).toEqual([1]));
  const { path, requestSerialize, responseDeserialize } = inferenceService.ModelInfer;
  const answer = new Promise((resolve, reject) => {
    channel.makeUnaryRequest(path, requestSerialize, responseDeserialize, ask, (error, value) =>
      error ? reject(error) : resolve(value),
    );
  });
  await eventually(() => expect(running).toBe(true));
  const closed = own.close();
  await eventually(() => expect(told).toEqual([1, 2]));
  release();
  expect(await answer).toMatchObject({ model_name: 'm' });
  await closed;
  channel.close();
});
