import { describe, test } from '@jest/globals';
import { int, float } from '../../../../../sdk/estimators/onnx/graph/attributes.ts';
import { Random } from '../../../../../sdk/estimators/onnx/index.ts';
import { checkOperator, distinct, normal } from '../support/gradient-check.ts';

const random = new Random(3);

describe('element-wise gradients against central differences', () => {
  const broadcasts = [
    [
      [2, 3],
      [2, 3],
    ],
    [[2, 3], [3]],
    [[3], [2, 3]],
    [
      [2, 1, 3],
      [4, 1],
    ],
    [[2, 3], []],
    [[1], [2, 2, 2]],
    [
      [2, 1, 1, 3],
      [1, 2, 1],
    ],
  ];
  test.each(broadcasts.flatMap(([a, b]) => ['Add', 'Sub', 'Mul'].map((type) => [type, a, b] as const)))(
    '%s of %j and %j',
    async (type, a, b) => {
      await checkOperator({ type, operands: [normal(random, a ?? []), normal(random, b ?? [])] });
    },
  );

  test.each(['Relu', 'Sigmoid', 'Tanh', 'Identity'])('%s', async (type) => {
    await checkOperator({ type, operands: [distinct(random, [3, 5])] });
  });

  test.each([
    [[3, 5], -1],
    [[2, 3, 4], 1],
    [[2, 3, 4], 0],
    [[4], 0],
  ])('Softmax of %j over axis %i', async (shape, axis) => {
    await checkOperator({ type: 'Softmax', operands: [normal(random, shape)], attributes: { axis: int(axis) } });
  });

  test.each([1, 0, 2, -1])('Flatten from axis %i', async (axis) => {
    await checkOperator({ type: 'Flatten', operands: [normal(random, [2, 3, 2])], attributes: { axis: int(axis) } });
  });

  test.each([[[6, 2]], [[0, -1]], [[-1]], [[3, 0, 2]]])('Reshape to %j', async (ints) => {
    const shape = ints.length === 3 ? [3, 2, 2] : [2, 3, 2];
    await checkOperator({ type: 'Reshape', operands: [normal(random, shape)], ints });
  });
});

describe('matrix gradients against central differences', () => {
  test.each([
    [
      [3, 4],
      [4, 2],
    ],
    [[4], [4, 2]],
    [[3, 4], [4]],
    [[4], [4]],
    [
      [2, 3, 4],
      [4, 2],
    ],
    [
      [2, 3, 4],
      [2, 4, 2],
    ],
    [
      [3, 4],
      [2, 4, 2],
    ],
    [
      [2, 1, 3, 4],
      [3, 4, 2],
    ],
    [[2, 3, 4], [4]],
    [[4], [2, 4, 3]],
  ])('MatMul of %j and %j', async (a, b) => {
    await checkOperator({ type: 'MatMul', operands: [normal(random, a), normal(random, b)] });
  });

  const bias = [[2], [3, 2], [3, 1], [1, 2], [], undefined];
  test.each(bias.flatMap((c, i) => [[i % 2, (i >> 1) % 2, c] as const, [1 - (i % 2), (i >> 1) % 2, c] as const]))(
    'Gemm with transA %i, transB %i and C of %j',
    async (transA, transB, c) => {
      const a = normal(random, transA ? [4, 3] : [3, 4]);
      const b = normal(random, transB ? [2, 4] : [4, 2]);
      await checkOperator({
        type: 'Gemm',
        operands: c ? [a, b, normal(random, [...c])] : [a, b],
        attributes: { transA: int(transA), transB: int(transB), alpha: float(0.5), beta: float(1.5) },
      });
    },
  );
});
