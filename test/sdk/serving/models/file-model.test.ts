import { afterEach, beforeAll, afterAll, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileModel, openFileModel, serve } from '../../../../sdk/index.ts';
import type { FileModelOptions, InferenceServer, Tensor } from '../../../../sdk/index.ts';
import { encodeModel, GraphBuilder, mlp, OnnxModel } from '../../../../sdk/estimators/onnx/index.ts';
import { eventually } from '../../../support/eventually.ts';
import { send } from '../support/echo.ts';

let folder: string;
let relu: string;
let net: string;
let model: FileModel | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sedna-file-model-'));
  relu = join(folder, 'relu.onnx');
  net = join(folder, 'net.onnx');
  await writeFile(relu, new GraphBuilder().input([2]).relu().toBytes());
  await writeFile(net, encodeModel(mlp({ inputs: 16, hidden: [32], outputs: 4 })));
});

afterAll(() => rm(folder, { recursive: true }));
afterEach(async () => {
  await model?.close();
  model = undefined;
});

const crashes: string[] = [];
async function open(options: Partial<FileModelOptions> = {}): Promise<FileModel> {
  crashes.length = 0;
  const onProblem = ({ message }: Error) => crashes.push(message);
  return (model = await openFileModel({ name: 'm', file: relu, threads: 1, onProblem, ...options }));
}

const two = (...values: number[]): Record<string, Tensor> => ({
  input: { datatype: 'float32', shape: [values.length / 2, 2], data: Float32Array.from(values) },
});

/** A deterministic row. */
const row = (seed: number): Float32Array => Float32Array.from({ length: 16 }, (_, i) => Math.sin(seed * 16 + i));

test('answers with the very bits of ONNX Runtime called directly', async () => {
  const served = await open({ file: net });
  const direct = await OnnxModel.open(net, { threads: 1 });
  for (let seed = 0; seed < 100; seed++) {
    const feeds = { input: { datatype: 'float32' as const, shape: [1, 16], data: row(seed) } };
    expect((await served.infer(feeds)).outputs).toEqual(await direct.run(feeds));
  }
  await direct.close();
});

test('batched within 1e-5', async () => {
  const served = await open({ file: net, batching: { maxBatch: 8 } });
  const direct = await OnnxModel.open(net, { threads: 1 });
  const feeds = Array.from({ length: 64 }, (_, seed) => ({
    input: { datatype: 'float32' as const, shape: [1, 16], data: row(seed) },
  }));
  const answers = await Promise.all(feeds.map((one) => served.infer(one)));
  expect(Math.max(...answers.map(({ timing }) => timing?.batch ?? 0))).toBeGreaterThan(1);
  for (const [i, one] of feeds.entries()) {
    const expected = Array.from((await direct.run(one))['output']?.data as Float32Array);
    const given = Array.from(answers[i]?.outputs['output']?.data as Float32Array);
    expect(expected.every((value, j) => Math.abs(value - (given[j] ?? NaN)) <= 1e-5)).toBe(true);
  }
  await direct.close();
});

describe('a native crash', () => {
  test('costs the requests in flight one error; it answers again within a second, those that waited too', async () => {
    const served = await open({ depth: 2 });
    const [pid = 0] = served.pids;
    process.kill(pid, 'SIGSTOP');
    const answers = Array.from({ length: 10 }, (_, i) => served.infer(two(i, -i)));
    process.kill(pid, 'SIGSEGV');
    process.kill(pid, 'SIGCONT');
    const began = performance.now();
    const settled = await Promise.allSettled(answers);
    const failed = settled.filter(({ status }) => status === 'rejected');
    expect(failed.length).toBeGreaterThanOrEqual(1);
    expect(failed.length).toBeLessThanOrEqual(2);
    for (const { reason } of failed as PromiseRejectedResult[]) {
      expect(reason).toMatchObject({
        statusCode: 500,
        message: expect.stringMatching(/^model "m": .*was ended by SIGSEGV/),
      });
    }
    expect(settled.at(-1)).toMatchObject({ value: { outputs: { output: { data: Float32Array.of(9, 0) } } } });
    // Seen: 0.2 s to 0.4 s on a busy machine.
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(crashes).toHaveLength(1);
    expect(served.pids).not.toContain(pid);
    expect(served.version()).toBeDefined();
  });

  test('three make the model not ready, with the reason; loading it again lifts that', async () => {
    const served = await open();
    for (let crash = 1; crash <= 3; crash++) {
      await eventually(() => expect(served.pids).toHaveLength(1));
      process.kill(served.pids[0] ?? 0, 'SIGKILL');
      await eventually(() => expect(crashes).toHaveLength(crash));
    }
    await eventually(() => expect(served.version()).toBeUndefined());
    expect(served.unavailable()).toMatch(/^crashed 3 times, last: .*SIGKILL/);
    await expect(served.infer(two(1, 2))).rejects.toMatchObject({ statusCode: 503 });
    await served.load();
    expect((await served.infer(two(1, -2))).outputs['output']?.data).toEqual(Float32Array.of(1, 0));
  });
});

describe('the time of one run', () => {
  const slow = { datatype: 'float32' as const, shape: [512, 16], data: new Float32Array(512 * 16) };
  let heavy: string;
  beforeAll(async () => {
    heavy = join(folder, 'heavy.onnx');
    await writeFile(heavy, encodeModel(mlp({ inputs: 16, hidden: [1024, 1024, 1024], outputs: 4 })));
  });

  test('does not count the time in which others run', async () => {
    const measured = await open({ file: heavy });
    const began = performance.now();
    for (let i = 0; i < 4; i++) await measured.infer({ input: slow });
    const oneMs = (performance.now() - began) / 4;
    await measured.close();
    // A busy machine may stop the process for a while: that is not what is tested.
    const runMs = Math.max(1_000, 20 * oneMs);
    const depth = Math.ceil((1.3 * runMs) / oneMs);
    const served = await open({ file: heavy, depth, runMs });
    await Promise.all(Array.from({ length: depth }, () => served.infer({ input: slow })));
    expect(crashes).toEqual([]);
  });

  test('ends a process that takes longer', async () => {
    const served = await open({ file: heavy, runMs: 1, warmUp: false });
    await expect(served.infer({ input: slow })).rejects.toThrow(/did not answer within 1 ms/);
  });
});

describe('the file', () => {
  test('is refused where its digest is another: both are named', async () => {
    const digest = createHash('sha256').update('other').digest('hex');
    await expect(open({ sha256: digest })).rejects.toMatchObject({
      statusCode: 400,
      message: expect.stringContaining(`expected ${digest}`),
    });
  });

  test('that took its name later is not what a restart loads', async () => {
    const file = join(folder, 'replaced.onnx');
    await writeFile(file, new GraphBuilder().input([2]).relu().toBytes());
    const served = await open({ file });
    await writeFile(`${file}.new`, new GraphBuilder().input([3]).relu().toBytes());
    await rename(`${file}.new`, file);
    process.kill(served.pids[0] ?? 0, 'SIGKILL');
    await eventually(() => expect(crashes).toHaveLength(1));
    expect((await served.infer(two(1, -2))).outputs['output']?.data).toEqual(Float32Array.of(1, 0));
    await served.load();
    expect(served.inputs[0]?.shape).toEqual(['N', 3]);
  });

  test.each<[string, (file: string) => Promise<unknown>, RegExp]>([
    ['missing', async () => undefined, /cannot be read/],
    ['empty', (file) => writeFile(file, ''), /is empty/],
    [
      'a pickle',
      (file) => writeFile(file, Buffer.from('80049519000000000000008c026f73948c0673797374656d9493942e', 'hex')),
      /not an ONNX model/,
    ],
    [
      'truncated',
      (file) => writeFile(file, encodeModel(mlp({ inputs: 16, hidden: [32], outputs: 4 })).subarray(0, 900)),
      /truncated/,
    ],
    ['a folder', async (file) => symlink(folder, file), /is a directory/],
    ['a device', async (file) => symlink('/dev/zero', file), /is not a file/],
  ])('%s is refused without a crash', async (name, make, message) => {
    const file = join(folder, `bad-${name.replaceAll(' ', '-')}.onnx`);
    await make(file);
    await expect(open({ file })).rejects.toMatchObject({ statusCode: 400, message: expect.stringMatching(message) });
    expect(crashes).toEqual([]);
  });

  test('a refused one leaves what is served as it is', async () => {
    const served = await open({ version: '1' });
    await expect(served.load({ file: join(folder, 'none.onnx') })).rejects.toMatchObject({ statusCode: 400 });
    expect(served.version()).toBe('1');
    expect((await served.infer(two(1, -2))).outputs['output']?.data).toEqual(Float32Array.of(1, 0));
  });
});

test('swapped under constant load, without one failed request', async () => {
  const served = await open({ version: '0' });
  const versions = new Set<string>();
  let swapping = true;
  const load = async () => {
    while (swapping) versions.add((await served.infer(two(1, -2))).version);
  };
  const clients = Array.from({ length: 4 }, load);
  for (const version of ['1', '2', '3']) await served.load({ file: relu, version });
  await eventually(() => expect(versions).toContain('3'));
  swapping = false;
  await Promise.all(clients);
  expect([...versions]).toEqual(['0', '1', '2', '3']);
});

test('over HTTP: not ready until loaded, unloaded, loaded again', async () => {
  let server: InferenceServer | undefined;
  try {
    server = await serve({ models: [new FileModel({ name: 'm', file: relu, threads: 1 })] });
    const url = `http://127.0.0.1:${server.ports.http}/v2`;
    const body = { inputs: [{ name: 'input', shape: [1, 2], datatype: 'FP32', data: [1, -2] }] };
    expect(await send(`${url}/models/m/infer`, { body })).toMatchObject({
      status: 503,
      body: { error: 'model "m" is not loaded yet' },
    });
    expect((await send(`${url}/repository/models/m/load`, { method: 'POST' })).status).toBe(200);
    expect((await send(`${url}/models/m/infer`, { body })).body).toMatchObject({ outputs: [{ data: [1, 0] }] });
    expect((await send(`${url}/health/ready`)).status).toBe(200);
    expect((await send(`${url}/repository/models/m/unload`, { method: 'POST' })).status).toBe(200);
    expect((await send(`${url}/models/m/ready`)).body).toEqual({ name: 'm', ready: false, reason: 'is unloaded' });
  } finally {
    await server?.close();
  }
});
