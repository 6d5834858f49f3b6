/** Files in, labels out: over HTTP, through the processes of a model. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFileModel, serve } from '../../../../sdk/index.ts';
import type { InferenceServer, ModelSignature } from '../../../../sdk/index.ts';
import { GraphBuilder } from '../../../../sdk/estimators/onnx/index.ts';
import { pngOf } from '../support/images.ts';
import { binaryRequest, send } from '../support/echo.ts';

let folder: string;
let file: string;
let server: InferenceServer;
let url: string;

const signature: ModelSignature = {
  preprocess: { scale: 1 },
  postprocess: { topK: 2, labels: ['red', 'green', 'blue'] },
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sedna-signature-'));
  file = join(folder, 'model.onnx');
  // The three values of one pixel.
  await writeFile(file, new GraphBuilder().input([3, 1, 1]).flatten().toBytes());
  const model = await openFileModel({ name: 'm', file, threads: 1, signature, batching: {} });
  server = await serve({ models: [model], predict: {} });
  url = `http://127.0.0.1:${server.ports.http}/v2/models/m`;
});

afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true });
});

const greenish = pngOf({ width: 2, height: 2, data: Array.from({ length: 4 }, () => [10, 200, 30]).flat() });
const bluish = pngOf({ width: 1, height: 1, data: [0, 7, 9] });

test('metadata says what comes and goes', async () => {
  expect((await send(url)).body).toMatchObject({
    inputs: [{ name: 'input', datatype: 'BYTES', shape: [-1] }],
    outputs: [{ name: 'scores' }, { name: 'classes' }, { name: 'labels', datatype: 'BYTES', shape: [-1, 2] }],
  });
});

const labels = (body: unknown) =>
  (body as { outputs: { name: string; data: unknown[] }[] }).outputs.find(({ name }) => name === 'labels')?.data;

test('files as base64 in JSON, and in binary, several in one request', async () => {
  const input = { name: 'input', datatype: 'BYTES', shape: [1] };
  const json = await send(`${url}/infer`, { body: { inputs: [{ ...input, data: [greenish.toString('base64')] }] } });
  expect(labels(json.body)).toEqual(['green', 'blue']);
  const parts = [greenish, bluish].flatMap((image) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(image.byteLength);
    return [length, image];
  });
  const size = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const inputs = [{ ...input, shape: [2], parameters: { binary_data_size: size } }];
  const binary = await send(`${url}/infer`, binaryRequest({ inputs }, ...parts));
  expect(labels(binary.body)).toEqual(['green', 'blue', 'blue', 'green']);
});

test('a tensor is taken as well, under the same name', async () => {
  const input = { name: 'input', datatype: 'FP32', shape: [1, 3, 1, 1], data: [5, 1, 3] };
  expect(labels((await send(`${url}/infer`, { body: { inputs: [input] } })).body)).toEqual(['red', 'blue']);
});

test.each([
  [['bm8='], 'image 0 is neither JPEG nor PNG'],
  [['not base64!'], 'expected a file as base64'],
])('%j is refused', async (data, message) => {
  const input = { name: 'input', datatype: 'BYTES', shape: [1], data };
  const { status, body } = await send(`${url}/infer`, { body: { inputs: [input] } });
  expect([status, body]).toEqual([400, { error: expect.stringContaining(message) }]);
});

test('a signature that does not fit the model is refused by its field', async () => {
  const open = (wrong: ModelSignature) => openFileModel({ name: 'm', file, threads: 1, signature: wrong });
  await expect(open({ preprocess: { input: 'y' } })).rejects.toThrow(
    'signature.preprocess.input must name one of the inputs: input',
  );
  await expect(open({ postprocess: { boxes: {} } })).rejects.toThrow('signature.postprocess.boxes: output');
});

test('what the original’s workers send: the pixels of an image, to `/sedna/predict`', async () => {
  const pixels = [
    [
      [10, 200, 30],
      [10, 200, 30],
    ],
  ];
  const { status, body } = await send(`http://127.0.0.1:${server.ports.http}/sedna/predict`, {
    body: { data: pixels },
  });
  expect(status).toBe(200);
  const [, , said] = (body as { result: unknown[] }).result;
  expect(said).toEqual(['green', 'blue']);
});
