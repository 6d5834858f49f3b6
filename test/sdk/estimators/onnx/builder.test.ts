import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readFloats } from '../../../../sdk/estimators/onnx/graph/tensors.ts';
import { GraphBuilder, OnnxModel, Random, cnn, encodeModel, mlp } from '../../../../sdk/estimators/onnx/index.ts';
import type { ModelProto } from '../../../../sdk/estimators/onnx/index.ts';

async function outputShape(model: ModelProto, input: number[]): Promise<number[]> {
  const session = await OnnxModel.open(encodeModel(model));
  const data = new Float32Array(input.reduce((product, dim) => product * dim, 1));
  const { output } = await session.run({ input: { datatype: 'float32', shape: input, data } });
  await session.close();
  return output?.shape ?? [];
}

function weights(model: ModelProto, name: string): Float32Array {
  const tensor = model.graph.initializer.find((one) => one.name === name);
  if (!tensor) throw new Error(`no initializer ${name}`);
  return readFloats(tensor);
}

describe('models from the builder run', () => {
  test('shapes that the builder tells are those that the runtime gives', async () => {
    const builder = new GraphBuilder()
      .input([2, 11, 9])
      .conv2d(4, { kernel: [3, 2], stride: 2, padding: [1, 0, 2, 1] })
      .relu()
      .averagePool({ kernel: 2, stride: 1 })
      .maxPool({ kernel: [2, 1] })
      .tanh()
      .reshape([4, -1])
      .flatten();
    expect(await outputShape(builder.build(), [5, 2, 11, 9])).toEqual([5, ...builder.sampleShape()]);
  });

  test('mlp and cnn', async () => {
    expect(await outputShape(mlp({ inputs: 4, outputs: 2 }), [3, 4])).toEqual([3, 2]);
    expect(await outputShape(mlp({ inputs: 4, hidden: [5, 6], outputs: 2, activation: 'sigmoid' }), [3, 4])).toEqual([
      3, 2,
    ]);
    const deep = cnn({ inputs: [3, 16, 16], filters: [4, 8], kernel: 3, padding: 1, hidden: [7], outputs: 5 });
    expect(await outputShape(deep, [2, 3, 16, 16])).toEqual([2, 5]);
  });

  test('the seed decides the weights', () => {
    const of = (seed: number) => encodeModel(mlp({ inputs: 4, hidden: [5], outputs: 2, seed }));
    expect(of(1)).toEqual(of(1));
    expect(of(1)).not.toEqual(of(2));
  });

  test('He weights have variance 2 / fan-in, Glorot weights stay within their limit', () => {
    const model = mlp({ inputs: 200, hidden: [300], outputs: 50, seed: 1 });
    const he = weights(model, 'dense1/weight');
    expect(he.reduce((sum, w) => sum + w * w, 0) / he.length).toBeCloseTo(2 / 200, 3);
    const limit = Math.sqrt(6 / 350);
    const glorot = weights(model, 'dense3/weight');
    expect(Math.max(...glorot.map(Math.abs))).toBeLessThanOrEqual(Math.fround(limit));
    expect(glorot.reduce((sum, w) => sum + w * w, 0) / glorot.length).toBeCloseTo(limit ** 2 / 3, 3);
  });

  test.each([
    ['no input', () => new GraphBuilder().relu(), 'call input(shape) first'],
    ['no layer', () => new GraphBuilder().input([2]).build(), 'has no layers'],
    ['two inputs', () => new GraphBuilder().input([2]).input([2]), 'has its input already'],
    ['a broken shape', () => new GraphBuilder().input([0]), 'input shape [0]'],
    ['dense on images', () => new GraphBuilder().input([1, 4, 4]).dense(3), 'flatten first'],
    [
      'a large kernel',
      () => new GraphBuilder().input([1, 4, 4]).conv2d(1, { kernel: 5 }).build(),
      'window (5) is larger',
    ],
    ['an impossible reshape', () => new GraphBuilder().input([6]).reshape([4, 2]).build(), 'cannot reshape [1,6]'],
  ])('%s is refused', (_, build, message) => {
    expect(build).toThrow(message);
  });
});

describe('Random', () => {
  test('goes on from a saved state', () => {
    fc.assert(
      fc.property(fc.integer(), fc.nat(50), (seed, skip) => {
        const random = new Random(seed);
        for (let i = 0; i < skip; i++) random.next();
        const copy = new Random(random.state);
        expect(Array.from({ length: 5 }, () => copy.next())).toEqual(Array.from({ length: 5 }, () => random.next()));
      }),
    );
  });

  test('permutations hold every index once', () => {
    fc.assert(
      fc.property(fc.integer(), fc.nat(200), (seed, count) => {
        const sorted = new Random(seed).permutation(count).sort();
        expect([...sorted]).toEqual(Array.from({ length: count }, (_, i) => i));
      }),
    );
  });

  test('normal deviates have mean 0 and variance 1', () => {
    const random = new Random(4);
    const draws = Array.from({ length: 20_000 }, () => random.normal());
    const mean = draws.reduce((sum, x) => sum + x, 0) / draws.length;
    expect(mean).toBeCloseTo(0, 1);
    expect(draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length).toBeCloseTo(1, 1);
  });
});
