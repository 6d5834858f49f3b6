/** Every element type through the process of a model and back. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFileModel } from '../../../../sdk/index.ts';
import type { Tensor } from '../../../../sdk/index.ts';
import { encodeModel } from '../../../../sdk/estimators/onnx/index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sedna-types-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A model that gives back what it gets; `elemType` is TensorProto.DataType. */
function identity(elemType: number): Uint8Array {
  const type = { tensorType: { elemType, shape: { dim: [{ dimParam: 'n' }] } } };
  return encodeModel({
    irVersion: 8,
    opsetImport: [{ version: 17 }],
    graph: {
      name: 'identity',
      node: [{ opType: 'Identity', input: ['x'], output: ['y'] }],
      initializer: [],
      input: [{ name: 'x', type }],
      output: [{ name: 'y', type }],
    },
  });
}

/** 1, -65504 and the smallest there is. */
const bits = Uint16Array.of(0x3c00, 0xfbff, 0x0001);

test.each<[Tensor['datatype'], number, Tensor['data']]>([
  ['float32', 1, Float32Array.of(0.1, -Infinity, NaN)],
  ['uint8', 2, Uint8Array.of(0, 1, 255)],
  ['int8', 3, Int8Array.of(-128, 0, 127)],
  ['uint16', 4, Uint16Array.of(0, 1, 65535)],
  ['int16', 5, Int16Array.of(-32768, 0, 32767)],
  ['int32', 6, Int32Array.of(-(2 ** 31), 0, 2 ** 31 - 1)],
  ['int64', 7, BigInt64Array.of(-(2n ** 63n), 0n, 2n ** 63n - 1n)],
  ['string', 8, ['', 'a', 'ü€😀']],
  ['bool', 9, Uint8Array.of(0, 1, 1)],
  ['float16', 10, bits],
  ['float64', 11, Float64Array.of(0.1, 1e300, -0)],
  ['uint32', 12, Uint32Array.of(0, 1, 2 ** 32 - 1)],
  ['uint64', 13, BigUint64Array.of(0n, 1n, 2n ** 64n - 1n)],
])('%s', async (datatype, elemType, data) => {
  const file = join(folder, `${datatype}.onnx`);
  await writeFile(file, identity(elemType));
  const model = await openFileModel({ name: 'm', file, threads: 1, batching: {} });
  const x = { datatype, shape: [3], data };
  // Two at once run as one batch behind the first.
  const answers = await Promise.all([model.infer({ x }), model.infer({ x }), model.infer({ x }), model.infer({ x })]);
  for (const { outputs } of answers) expect(outputs).toEqual({ y: x });
  await model.close();
});

test('BF16, which the runtime’s binding has not, is refused by its number', async () => {
  const file = join(folder, 'bf16.onnx');
  await writeFile(file, identity(16));
  await expect(openFileModel({ name: 'm', file, threads: 1 })).rejects.toMatchObject({
    statusCode: 400,
    message: expect.stringContaining('Unsupported data type: 16'),
  });
});
