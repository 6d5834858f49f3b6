/** The gate in front of a worker: what cannot run on a node is named before anybody is given it. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkModel } from '../../../activities/edge/check-model.ts';
import type { BlobRef, ModelSource, ModelVerdict } from '../../../activities/contracts.ts';
import { encodeModel, mlp } from '../../../sdk/estimators/onnx/index.ts';
import { ProcessNode } from '../support/process-node.ts';

let node: ProcessNode;
let good: Uint8Array;
beforeAll(async () => {
  node = await new ProcessNode().start();
  good = encodeModel(mlp({ inputs: 4, outputs: 2, seed: 1 }));
});
afterAll(() => node.close());

async function check(model: ModelSource, env: { name: string; value: string }[] = []): Promise<ModelVerdict> {
  const manifest = await node.manifest('serves', { env });
  const worker = { manifest, template: 'spec.deploySpec.template' };
  return checkModel(node.deps, { model, worker }, new AbortController().signal);
}

function file(name: string, content: Uint8Array | string): ModelSource {
  const url = join(node.directory, name);
  writeFileSync(url, content);
  return { url, format: 'onnx' };
}

test('a model that loads; and one of a format that only its worker can judge', async () => {
  expect(await check(file('good.onnx', good))).toEqual({});
  expect(await check({ url: '/nowhere/model.pb', format: 'pb' })).toEqual({});
}, 30_000);

test('what it takes is told where a ready-made worker serves it, who hands it what the other model was given', async () => {
  const source = file('taken.onnx', good);
  const manifest = await node.manifest('serves', { image: 'sedna/big-model:v1' });
  const worker = { manifest, template: 'spec.deploySpec.template' };
  const { inputs } = await checkModel(node.deps, { model: source, worker }, new AbortController().signal);
  expect(inputs).toEqual([{ name: 'input', datatype: 'float32', shape: [expect.any(String), 4] }]);
}, 30_000);

test('by name: what cannot be read, is broken, or belongs to an operator set that nobody has', async () => {
  const unreadable = await check({ url: join(node.directory, 'missing.onnx'), format: 'ONNX' });
  expect(unreadable.problem).toEqual({
    reason: 'ModelUnreadable',
    message: expect.stringMatching(/missing\.onnx: it cannot be read: ENOENT/),
  });
  expect((await check({ url: 's3://bucket/model.onnx', format: 'onnx' })).problem?.reason).toBe('ModelUnreadable');
  const misfits: [string, Uint8Array | string][] = [
    ['pickle.onnx', '\u0080\u0004K*.'],
    ['page.onnx', '<html><body>404 Not Found</body></html>'],
    ['half.onnx', good.subarray(0, good.length / 2)],
    ['empty.onnx', ''],
  ];
  for (const [name, content] of misfits) {
    const { problem } = await check(file(name, content));
    expect(problem).toEqual({ reason: 'ModelMisfit', message: expect.stringContaining(name) });
  }
  const future = mlp({ inputs: 4, outputs: 2, seed: 1 });
  for (const set of future.opsetImport) set.version = 999n as never;
  const { problem } = await check(file('future.onnx', encodeModel(future)));
  expect(problem?.reason).toBe('ModelMisfit');
}, 60_000);

test('the digest of a version is checked, and what the disk could not hold is not fetched', async () => {
  const blob = await node.blobs.put(good);
  const model = (change: Partial<BlobRef>): ModelSource => ({
    url: '/m.onnx',
    format: 'onnx',
    blob: { ...blob, ...change },
  });
  expect(await check(model({}))).toEqual({});
  writeFileSync(new URL(blob.uri), Buffer.from(good).fill(0, 10, 20));
  const other = await new ProcessNode().start();
  try {
    const manifest = await node.manifest('serves');
    const deps = { ...other.deps, blobs: node.blobs };
    const worker = { manifest, template: 'spec.deploySpec.template' };
    const from = performance.now();
    const { problem } = await checkModel(deps, { model: model({}), worker }, new AbortController().signal);
    expect(problem).toEqual({
      reason: 'ModelUnreadable',
      message: expect.stringMatching(/^the live version of \/m\.onnx: .*other content/),
    });
    expect(performance.now() - from).toBeLessThan(1_000);
  } finally {
    await other.close();
  }
  const huge = await check(model({ bytes: 1e18 }));
  expect(huge.problem).toEqual({
    reason: 'ModelMisfit',
    message: expect.stringMatching(/the disk of the node \d+ MiB free/),
  });
}, 60_000);

test('execution providers that the template asks for: one must work here', async () => {
  const source = file('provider.onnx', good);
  const asks = (value: string) => check(source, [{ name: 'SEDNA_PROVIDERS', value }]);
  expect(await asks('tpu-of-tomorrow, cpu')).toEqual({});
  expect((await asks('tpu-of-tomorrow')).problem).toEqual({
    reason: 'ModelMisfit',
    message: expect.stringMatching(/it wants tpu-of-tomorrow, the node has .*cpu/),
  });
}, 60_000);
