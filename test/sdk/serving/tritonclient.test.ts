/** Triton's own Python clients, over HTTP and gRPC. They are installed once into the user's cache. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openFileModel, serve } from '../../../sdk/index.ts';
import type { InferenceServer, TensorType } from '../../../sdk/index.ts';
import { encodeModel, mlp, OnnxModel } from '../../../sdk/estimators/onnx/index.ts';
import { tritonPython } from '../../../bench/peers/environments.ts';
import { echo, loadable } from './support/echo.ts';

// In CI the environment can exist, so its absence is a failure.
const python = await tritonPython().catch((error: Error) => {
  if (process.env['CI'] === 'true') throw error;
  console.warn(`Triton's clients are skipped: ${error.message}`);
  return undefined;
});

const types: TensorType[] = ['bool', 'uint8', 'int16', 'int64', 'uint64', 'float16', 'float64', 'string'];

let folder: string;
let server: InferenceServer;
let found: Record<'http' | 'grpc', Record<string, unknown>>;
let expected: string;

(python === undefined ? describe.skip : describe)('tritonclient', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sedna-triton-'));
    const file = join(folder, 'net.onnx');
    await writeFile(file, encodeModel(mlp({ inputs: 16, hidden: [32], outputs: 4 })));
    const net = await openFileModel({ name: 'net', file, version: '1', threads: 1 });
    server = await serve({
      models: [net, loadable('resting'), ...types.map((type) => echo(type, type, ['n']))],
      grpc: {},
    });
    const { http, grpc } = server.ports;
    const script = fileURLToPath(new URL('./triton/check.py', import.meta.url));
    const { stdout } = await promisify(execFile)(python ?? '', [script, String(http), String(grpc)], {
      timeout: 100_000,
    });
    found = JSON.parse(stdout) as typeof found;
    const direct = await OnnxModel.open(file, { threads: 1 });
    const data = Float32Array.from({ length: 48 }, (_, i) => i / 8 - 3);
    const { output } = await direct.run({ input: { datatype: 'float32', shape: [3, 16], data } });
    expected = Buffer.from((output?.data as Float32Array).buffer).toString('hex');
    await direct.close();
  }, 120_000);

  afterAll(async () => {
    await server?.close();
    await rm(folder, { recursive: true });
  });

  describe.each(['http', 'grpc'] as const)('over %s', (protocol) => {
    test('health, readiness, metadata, configuration', () => {
      expect(found[protocol]).toMatchObject({
        live: true,
        // One model is not loaded.
        ready: false,
        'model ready': [true, true, false],
        metadata: { name: 'sedna', version: '0.1.0', extensions: expect.arrayContaining(['binary_tensor_data']) },
        'model metadata': { name: 'net', versions: ['1'], platform: 'onnxruntime_onnx' },
        config: { name: 'net', input: [{ name: 'input', data_type: 'TYPE_FP32' }] },
      });
    });

    test('tensors are the very bits of ONNX Runtime called directly', () => {
      expect(found[protocol]).toMatchObject({ net: expected, 'net, asked for': expected, id: 'one' });
    });

    test('every type goes there and back', () => {
      expect(found[protocol]['echoes']).toEqual(Object.fromEntries(types.map((type) => [type, true])));
    });

    test('the repository and statistics', () => {
      expect(found[protocol]).toMatchObject({
        loaded: true,
        unloaded: true,
        index: { name: 'resting', version: '1', state: 'READY' },
        statistics: ['net', true],
      });
    });

    test('errors arrive with their message', () => {
      expect(found[protocol]['errors']).toEqual([
        expect.stringContaining('model "none" is not served here'),
        expect.stringContaining('input "input": has shape [3, 15]; expected FP32 of shape [-1, 16]'),
        expect.stringContaining('input "input": is FP64; expected FP32'),
      ]);
    });
  });

  test('over HTTP compressed, as JSON, several at once', () => {
    expect(found.http).toMatchObject({ compressed: expected, json: expected, async: [expected] });
  });
});
