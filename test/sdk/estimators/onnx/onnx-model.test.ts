import { describe, expect, test } from '@jest/globals';
import { GraphBuilder, OnnxModel, listExecutionProviders } from '../../../../sdk/estimators/onnx/index.ts';
import type { OnnxTensor } from '../../../../sdk/estimators/onnx/index.ts';

const relu = new GraphBuilder().input([3]).relu().toBytes();
const rows = (data: Float32Array, shape: number[]): OnnxTensor => ({ datatype: 'float32', shape, data });

describe('OnnxModel', () => {
  test('says its inputs and outputs and runs', async () => {
    const model = await OnnxModel.open(relu, { threads: 1 });
    expect(model.inputs).toEqual([{ name: 'input', datatype: 'float32', shape: ['N', 3] }]);
    expect(model.outputs).toEqual([{ name: 'output', datatype: 'float32', shape: ['N', 3] }]);
    const feed = rows(Float32Array.of(-1, 2, -3, 4, -5, 6), [2, 3]);
    expect(await model.run({ input: feed })).toEqual({ output: rows(Float32Array.of(0, 2, 0, 4, 0, 6), [2, 3]) });
    await model.close();
  });

  test.each([
    [{}, 'input "input": missing; expected float32 of shape [N, 3]'],
    [{ x: rows(new Float32Array(3), [1, 3]) }, 'input "x": the model has no such input'],
    [{ input: rows(new Float32Array(4), [1, 4]) }, 'input "input": shape is [1, 4], the model takes [N, 3]'],
    [{ input: rows(new Float32Array(3), [3]) }, 'input "input": shape is [3]'],
    [{ input: rows(new Float32Array(4), [1, 3]) }, 'input "input": Tensor\'s size(3) does not match data length(4)'],
    [
      { input: { datatype: 'int64', shape: [1, 3], data: new BigInt64Array(3) } },
      'datatype is int64, the model takes float32',
    ],
  ])('refuses %j', async (feeds, message) => {
    const model = await OnnxModel.open(relu);
    const refusal = { type: 'InvalidInput', message: expect.stringContaining(message) };
    await expect(model.run(feeds as Record<string, OnnxTensor>)).rejects.toMatchObject(refusal);
    await model.close();
  });

  test('closing waits for runs under way and refuses later ones', async () => {
    const model = await OnnxModel.open(relu);
    const feed = { input: rows(new Float32Array(3), [1, 3]) };
    const running = Promise.all([model.run(feed), model.run(feed)]);
    await model.close();
    await model.close();
    expect(await running).toHaveLength(2);
    await expect(model.run(feed)).rejects.toThrow('the model is closed');
  });
});

test('every execution provider that is listed computes, and the CPU is among them', async () => {
  const providers = await listExecutionProviders();
  expect(providers.at(-1)).toBe('cpu');
  for (const provider of providers) {
    const model = await OnnxModel.open(relu, { providers: [provider], strict: true });
    const { output } = await model.run({ input: rows(Float32Array.of(-1, 0, 1), [1, 3]) });
    expect(output?.data).toEqual(Float32Array.of(0, 0, 1));
    await model.close();
  }
});
