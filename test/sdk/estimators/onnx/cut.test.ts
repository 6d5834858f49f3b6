import { describe, expect, test } from '@jest/globals';
import {
  cutModel,
  DataLoader,
  encodeModel,
  GraphBuilder,
  mlp,
  OnnxEstimator,
  readModelWeights,
  withWeights,
} from '../../../../sdk/estimators/onnx/index.ts';
import { cuts } from '../../../../sdk/estimators/onnx/graph/cut.ts';

const small = () => mlp({ inputs: 3, hidden: [4, 2], outputs: 2, seed: 1 });
const estimatorOf = (model: ReturnType<typeof small>) =>
  new OnnxEstimator({ model, loss: 'softmaxCrossEntropy', optimizer: { name: 'sgd', learningRate: 0.1 } });
const samples = {
  inputs: Float32Array.from({ length: 300 }, (_, i) => Math.sin(i)),
  shape: [3],
  labels: Int32Array.from({ length: 100 }, (_, i) => i % 2),
  count: 100,
};

describe('a model that is cut', () => {
  test('its parts, one after the other, compute what it computes', async () => {
    const whole = estimatorOf(small());
    const features = await whole.features(samples, 'relu2');
    expect({ shape: features.shape, count: features.count }).toEqual({ shape: [4], count: 100 });
    expect(features.labels).toEqual(samples.labels);
    const { head, shape } = await cutModel(encodeModel(small()), 'relu2');
    expect(shape).toEqual([4]);
    const behind = estimatorOf(head);
    const expected = await whole.predict({ data: samples.inputs, shape: [100, 3] });
    const found = await behind.predict({ data: features.inputs, shape: [100, 4] });
    expect(found).toEqual(expected);
    expect(Object.keys(await behind.getWeights())).toEqual([
      'dense3/weight',
      'dense3/bias',
      'dense5/weight',
      'dense5/bias',
    ]);
    await Promise.all([whole.close(), behind.close()]);
  });

  test('its head trains, and is put back into it; what is in front stays bit by bit', async () => {
    const bytes = encodeModel(small());
    const { head } = await cutModel(bytes, 'relu2');
    const behind = estimatorOf(head);
    const front = estimatorOf(small());
    const { loss = [] } = await behind.train(await front.features(samples, 'relu2'), { settings: { epochs: 5 } });
    expect(loss.at(-1)).toBeLessThan(loss[0] as number);
    const [before, after] = [bytes, withWeights(bytes, await behind.getWeights(), 'm')].map((file) =>
      readModelWeights(file, 'm'),
    );
    const changed = Object.keys(before ?? {}).filter(
      (name) => before?.[name]?.data.join() !== after?.[name]?.data.join(),
    );
    expect(changed).toEqual(['dense3/weight', 'dense3/bias', 'dense5/weight', 'dense5/bias']);
    await Promise.all([behind.close(), front.close()]);
  });

  test('features of a loader are those of its samples', async () => {
    const whole = estimatorOf(small());
    const loader = new DataLoader({
      count: samples.count,
      shape: [3],
      load: (indices) =>
        indices.map((i) => ({ input: samples.inputs.slice(i * 3, i * 3 + 3), label: samples.labels[i] as number })),
    });
    const [loaded, given] = [await whole.features(loader, 'relu2'), await whole.features(samples, 'relu2')];
    expect(loaded).toEqual(given);
    await whole.close();
  });
});

describe('where it cannot be cut', () => {
  /** x → dense1 → relu2 → +x: the last output depends on the input past dense1 and relu2. */
  const residual = () =>
    new GraphBuilder()
      .input([3])
      .residual((b) => b.dense(3).relu())
      .dense(2)
      .build();

  test('the places where it can are named', async () => {
    expect(cuts(small())).toEqual(['dense1', 'relu2', 'dense3', 'relu4', 'dense5']);
    expect(cuts(residual())).toEqual(['add3']);
    await expect(cutModel(encodeModel(residual()), 'relu2', 'm.onnx')).rejects.toThrow(
      'm.onnx: tensor "relu2" does not cut it: its output depends on input "input" past it; it can be cut at "add3"',
    );
    await expect(cutModel(encodeModel(small()), '4', 'm.onnx')).rejects.toThrow(
      'm.onnx: it computes no tensor "4"; it can be cut at "dense1", "relu2", "dense3", "relu4", "dense5"',
    );
    await expect(cutModel(encodeModel(small()), 'output')).rejects.toThrow(
      '"output" is its output: nothing is left to train',
    );
    await expect(cutModel(encodeModel(small()), 'dense5')).rejects.toThrow('no weight trains behind tensor "dense5"');
  });
});
