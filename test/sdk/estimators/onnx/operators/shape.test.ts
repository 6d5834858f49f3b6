import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { int, ints, string } from '../../../../../sdk/estimators/onnx/graph/attributes.ts';
import type { Attributes } from '../../../../../sdk/estimators/onnx/graph/attributes.ts';
import { Random } from '../../../../../sdk/estimators/onnx/index.ts';
import { checkOperator, normal } from '../support/gradient-check.ts';

const random = new Random(41);

describe('gradients of operators that move values', () => {
  test.each([[undefined], [[1, 0, 2]], [[2, 0, 1]], [[0, 2, 1]]])('Transpose by %j', async (perm) => {
    const attributes: Attributes = perm ? { perm: ints(perm) } : {};
    await checkOperator({ type: 'Transpose', operands: [normal(random, [2, 3, 4])], attributes });
  });

  test.each([0, 1, -1])('Concat along axis %i', async (axis) => {
    const shapes = [1, 2, 3].map((size) => [2, 3, 2].with(axis, size));
    const operands = shapes.map((shape) => normal(random, shape));
    await checkOperator({ type: 'Concat', operands, attributes: { axis: int(axis) } });
  });

  test.each([
    [{ count: 2, axis: 1 }, [{ ints: [1, 3] }], {}],
    [{ count: 3, axis: -1 }, [], { num_outputs: int(3) }],
    [{ count: 2, axis: 0 }, [], { num_outputs: int(2) }],
  ])('Split into %j', async (outputs, extra, attributes) => {
    const all = { axis: int(outputs.axis), ...attributes };
    await checkOperator({ type: 'Split', operands: [normal(random, [3, 4, 6])], extra, attributes: all, outputs });
  });

  test('Slice over random ranges and steps', async () => {
    const range = fc.record({
      start: fc.integer({ min: -5, max: 5 }),
      end: fc.integer({ min: -6, max: 6 }),
      step: fc.constantFrom(1, 1, 2, 3, -1, -2),
    });
    await fc.assert(
      fc.asyncProperty(range, range, fc.constantFrom([0, 1], [2, 0], [-1, 1]), async (a, b, axes) => {
        const extra = [[a.start, b.start], [a.end, b.end], axes, [a.step, b.step]].map((values) => ({
          ints: [...values],
        }));
        const shape = [4, 3, 5];
        fc.pre([a, b].every((one, i) => taken(shape.at(axes[i] ?? 0) ?? 0, one) > 0));
        await checkOperator({ type: 'Slice', operands: [normal(random, shape)], extra });
      }),
      { numRuns: 25 },
    );
  });

  test.each([
    [[6, 3], [2, 4], 0],
    [[3, 4, 2], [3], 1],
    [[3, 4], [], 1],
    [[2, 5], [2, 2], -1],
  ])('Gather from %j with indices of shape %j along axis %i, rows drawn several times', async (shape, picked, axis) => {
    const rows = shape.at(axis) ?? 1;
    const count = picked.reduce((product, dim) => product * dim, 1);
    const ints = Array.from({ length: count }, (_, i) => (i % 3 === 2 ? -1 : (i * 2) % rows));
    const extra = [{ ints, shape: picked }];
    await checkOperator({ type: 'Gather', operands: [normal(random, shape)], extra, attributes: { axis: int(axis) } });
  });

  test.each([
    ['Unsqueeze', [2, 3], [0, -1]],
    ['Unsqueeze', [2, 3], [1]],
    ['Squeeze', [1, 2, 1, 3], [0, 2]],
    ['Squeeze', [1, 2, 3], [-3]],
    ['Expand', [2, 1, 3], [1, 2, 5, 3]],
    ['Expand', [3], [2, 2, 3]],
  ])('%s of %j by %j', async (type, shape, values) => {
    await checkOperator({ type, operands: [normal(random, shape)], ints: values });
  });

  test.each([
    ['ReduceSum', [1], 1],
    ['ReduceSum', [0, -1], 0],
    ['ReduceSum', [], 0],
    ['ReduceMean', [0, 2], 1],
    ['ReduceMean', [-1], 0],
    ['ReduceMean', [], 1],
  ])('%s over %j with keepdims %i', async (type, axes, keepdims) => {
    const extra = axes.length ? [{ ints: axes }] : [];
    const attributes = { keepdims: int(keepdims) };
    await checkOperator({ type, operands: [normal(random, [2, 3, 4])], extra, attributes });
  });

  test.each([0, 1])('Trilu, upper %i', async (upper) => {
    await checkOperator({ type: 'Trilu', operands: [normal(random, [2, 3, 4])], attributes: { upper: int(upper) } });
  });

  test('Pad', async () => {
    await checkOperator({ type: 'Pad', operands: [normal(random, [2, 3, 4])], ints: [0, 1, 2, 1, 0, 3] });
  });
});

describe('Resize to the nearest element', () => {
  const modes = ['half_pixel', 'pytorch_half_pixel', 'align_corners', 'asymmetric'];
  const roundings = ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'];
  test.each(modes.flatMap((mode) => roundings.map((rounding) => [mode, rounding] as const)))(
    '%s, %s',
    async (mode, rounding) => {
      const attributes = {
        mode: string('nearest'),
        coordinate_transformation_mode: string(mode),
        nearest_mode: string(rounding),
      };
      const operands = [normal(random, [1, 2, 3, 4])];
      const scales = { shape: [4], data: Float32Array.of(1, 1, 2, 1.5) };
      await checkOperator({ type: 'Resize', operands, extra: ['none', scales], attributes });
      const sizes = { ints: [1, 2, 5, 2] };
      await checkOperator({ type: 'Resize', operands, extra: ['none', 'none', sizes], attributes });
    },
  );

  test('other modes are refused by name', async () => {
    const sizes = { ints: [1, 2, 5, 2] };
    const one = { type: 'Resize', operands: [normal(random, [1, 2, 3, 4])], attributes: { mode: string('linear') } };
    await expect(checkOperator({ ...one, extra: ['none', 'none', sizes] })).rejects.toThrow(
      'Resize "node": has a gradient only in mode nearest',
    );
  });
});

/** Elements that a slice takes, counted the slow way. */
function taken(length: number, { start, end, step }: { start: number; end: number; step: number }): number {
  const wrap = (position: number) => (position < 0 ? position + length : position);
  const positions = Array.from({ length }, (_, i) => i);
  const clamp = (position: number, low: number, high: number) => Math.min(Math.max(position, low), high);
  const [from, to] =
    step > 0
      ? [clamp(wrap(start), 0, length), clamp(wrap(end), 0, length)]
      : [clamp(wrap(start), -1, length - 1), clamp(wrap(end), -1, length - 1)];
  return positions.filter((p) => (p - from) % step === 0 && (step > 0 ? p >= from && p < to : p <= from && p > to))
    .length;
}
