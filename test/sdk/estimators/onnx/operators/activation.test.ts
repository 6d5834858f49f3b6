import { describe, test } from '@jest/globals';
import { float, int, string } from '../../../../../sdk/estimators/onnx/graph/attributes.ts';
import { Random } from '../../../../../sdk/estimators/onnx/index.ts';
import { checkOperator, distinct, normal } from '../support/gradient-check.ts';
import type { Operand } from '../support/gradient-check.ts';

const random = new Random(31);

/** Between 0.5 and 2.5: where roots, logarithms and quotients are smooth enough for differences. */
const positive = (shape: number[]): Operand => {
  const { data } = normal(random, shape);
  return { shape, data: data.map((x) => 0.5 + 2 / (1 + Math.exp(-x))) };
};
const scalar = (value: number): Operand => ({ shape: [], data: Float32Array.of(value) });

describe('element-wise gradients of one operand', () => {
  test.each(['Abs', 'Elu', 'HardSwish', 'LeakyRelu', 'Neg', 'Softplus', 'Exp', 'Erf', 'Gelu'])('%s', async (type) => {
    const operand = type === 'Exp' ? normal(random, [3, 4]) : distinct(random, [3, 6]);
    await checkOperator({ type, operands: [operand], epsilon: type === 'HardSwish' ? 5e-3 : undefined });
  });

  test.each(['Log', 'Sqrt', 'Reciprocal'])('%s of positive numbers', async (type) => {
    await checkOperator({ type, operands: [positive([3, 4])], epsilon: 3e-3 });
  });

  test('Gelu by tanh', async () => {
    const attributes = { approximate: string('tanh') };
    await checkOperator({ type: 'Gelu', operands: [normal(random, [4, 5])], attributes });
  });

  test.each([
    ['LeakyRelu', { alpha: float(-0.3) }],
    ['LeakyRelu', { alpha: float(0.2) }],
    ['Elu', { alpha: float(0.7) }],
    ['HardSigmoid', { alpha: float(1.3), beta: float(0.51) }],
    ['Cast', { to: int(1) }],
  ])('%s with %j', async (type, attributes) => {
    await checkOperator({ type, operands: [distinct(random, [3, 7])], attributes });
  });

  test.each([-3, -1, 0.5, 2, 3])('Pow with exponent %d', async (exponent) => {
    await checkOperator({ type: 'Pow', operands: [positive([2, 3])], extra: [scalar(exponent)], epsilon: 3e-3 });
  });

  test.each([
    [[2], []],
    [[-1], [1]],
    [
      [0, 1, 3],
      [1, 3],
    ],
  ])('Pow with integer exponents %j', async (ints, shape) => {
    await checkOperator({ type: 'Pow', operands: [positive([2, 3])], extra: [{ ints, shape }], epsilon: 3e-3 });
  });

  test('Pow broadcasts its base to the exponents', async () => {
    const exponents: Operand = { shape: [3, 2], data: Float32Array.of(1, 2, 3, 0, -1, 0.5) };
    await checkOperator({ type: 'Pow', operands: [positive([2])], extra: [exponents], epsilon: 3e-3 });
  });

  test('Pow of zero to the powers 0, 1 and 2', async () => {
    const exponents: Operand = { shape: [3], data: Float32Array.of(0, 1, 2) };
    await checkOperator({ type: 'Pow', operands: [{ shape: [3], data: new Float32Array(3) }], extra: [exponents] });
  });

  test('Pow of negative numbers to a whole power', async () => {
    await checkOperator({ type: 'Pow', operands: [distinct(random, [2, 4])], extra: [scalar(3)] });
  });

  test.each([[[scalar(-0.21), scalar(0.33)]], [['none' as const, scalar(0.14)]], [[scalar(-0.12)]], [[]]])(
    'Clip with bounds %j',
    async (extra) => {
      await checkOperator({ type: 'Clip', operands: [distinct(random, [4, 5])], extra: [...extra] });
    },
  );

  test.each([
    [[3, 5], -1],
    [[2, 3, 4], 1],
    [[4], 0],
  ])('LogSoftmax of %j over axis %i', async (shape, axis) => {
    await checkOperator({ type: 'LogSoftmax', operands: [normal(random, shape)], attributes: { axis: int(axis) } });
  });
});

describe('element-wise gradients of several operands', () => {
  test.each([
    [
      [2, 3],
      [2, 3],
    ],
    [[2, 3], [3]],
    [[3], [2, 3]],
    [[2, 3], []],
    [
      [2, 1, 3],
      [4, 1],
    ],
  ])('Div of %j by %j', async (a, b) => {
    await checkOperator({ type: 'Div', operands: [normal(random, a), positive(b)], epsilon: 4e-3 });
  });

  test('Where masks one operand and passes the other', async () => {
    const condition = { bools: [1, 0, 1], shape: [3] };
    const model = { type: 'Where', operands: [normal(random, [2, 3]), normal(random, [2, 1])] };
    await checkOperator({ ...model, lead: condition });
  });
});
