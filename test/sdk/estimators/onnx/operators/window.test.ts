import { describe, test } from '@jest/globals';
import fc from 'fast-check';
import { int, ints, string } from '../../../../../sdk/estimators/onnx/graph/attributes.ts';
import type { Attributes } from '../../../../../sdk/estimators/onnx/graph/attributes.ts';
import { Random } from '../../../../../sdk/estimators/onnx/index.ts';
import { checkOperator, distinct, normal } from '../support/gradient-check.ts';

interface Geometry {
  size: [number, number];
  kernel: [number, number];
  strides: [number, number];
  dilations: [number, number];
  pads: [number, number, number, number];
}

const pair = (min: number, max: number) => fc.tuple(fc.integer({ min, max }), fc.integer({ min, max }));

/** Random windows that fit, with asymmetric padding and rows that the stride skips. `dilation`: largest. */
function geometries(dilation: number): fc.Arbitrary<Geometry> {
  return fc
    .record({
      size: pair(3, 7),
      kernel: pair(1, 3),
      strides: pair(1, 3),
      dilations: pair(1, dilation),
      pads: fc.tuple(fc.nat(2), fc.nat(2), fc.nat(2), fc.nat(2)),
    })
    .filter(({ size, kernel, dilations, pads }) =>
      [0, 1].every((axis) => {
        const k = kernel[axis] ?? 1;
        const extent = (dilations[axis] ?? 1) * (k - 1) + 1;
        // ONNX Runtime wants each padding of a pooling below its kernel.
        return (size[axis] ?? 0) >= extent && (pads[axis] ?? 0) < k && (pads[axis + 2] ?? 0) < k;
      }),
    );
}

const attributesOf = ({ kernel, strides, pads }: Geometry): Attributes => ({
  kernel_shape: ints(kernel),
  strides: ints(strides),
  pads: ints(pads),
});

describe('window gradients against central differences', () => {
  test('Conv over random kernels, strides, dilations and paddings', async () => {
    await fc.assert(
      fc.asyncProperty(geometries(2), fc.integer(), fc.boolean(), async (geometry, seed, bias) => {
        const random = new Random(seed);
        const operands = [normal(random, [2, 2, ...geometry.size]), normal(random, [3, 2, ...geometry.kernel])];
        if (bias) operands.push(normal(random, [3]));
        const attributes = { ...attributesOf(geometry), dilations: ints(geometry.dilations) };
        await checkOperator({ type: 'Conv', operands, attributes });
      }),
      { numRuns: 40 },
    );
  });

  test('MaxPool over random kernels, strides and paddings, overlapping or not', async () => {
    await fc.assert(
      fc.asyncProperty(geometries(2), fc.integer(), fc.boolean(), async (geometry, seed, ceil) => {
        const operands = [distinct(new Random(seed), [2, 2, ...geometry.size])];
        const dilations = ints(geometry.dilations);
        const attributes = { ...attributesOf(geometry), dilations, ceil_mode: int(ceil ? 1 : 0) };
        await checkOperator({ type: 'MaxPool', operands, attributes });
      }),
      { numRuns: 40 },
    );
  });

  test('Conv, MaxPool and AveragePool over sequences', async () => {
    await fc.assert(
      fc.asyncProperty(geometries(2), fc.integer(), async ({ size, kernel, strides, dilations, pads }, seed) => {
        const random = new Random(seed);
        const [length, width] = [size[0], kernel[0]];
        const padding = { pads: ints([pads[0], pads[2]]) };
        const window = { kernel_shape: ints([width]), strides: ints([strides[0]]) };
        const dilated = { ...window, dilations: ints([dilations[0]]) };
        const sequence = normal(random, [2, 2, length]);
        const weights = [normal(random, [4, 1, width]), normal(random, [4])];
        const grouped = { ...dilated, ...padding, group: int(2) };
        await checkOperator({ type: 'Conv', operands: [sequence, ...weights], attributes: grouped });
        const same = { strides: window.strides, auto_pad: string('SAME_UPPER'), group: int(2) };
        await checkOperator({ type: 'Conv', operands: [sequence, ...weights], attributes: same });
        const operands = [distinct(random, [2, 2, length])];
        await checkOperator({ type: 'MaxPool', operands, attributes: { ...dilated, ...padding } });
        await checkOperator({ type: 'AveragePool', operands: [sequence], attributes: { ...window, ...padding } });
      }),
      { numRuns: 20 },
    );
  });

  test('MaxPool of one dilated window that is wider than what it sees', async () => {
    const attributes = {
      kernel_shape: ints([2, 2]),
      strides: ints([3, 3]),
      dilations: ints([2, 2]),
      pads: ints([1, 1, 1, 1]),
    };
    await checkOperator({ type: 'MaxPool', operands: [distinct(new Random(1), [2, 2, 3, 3])], attributes });
  });

  test('AveragePool over random kernels, strides and paddings', async () => {
    await fc.assert(
      fc.asyncProperty(geometries(1), fc.integer(), fc.boolean(), async (geometry, seed, includePad) => {
        const operands = [normal(new Random(seed), [2, 2, ...geometry.size])];
        const attributes = { ...attributesOf(geometry), count_include_pad: int(includePad ? 1 : 0) };
        await checkOperator({ type: 'AveragePool', operands, attributes });
      }),
      { numRuns: 40 },
    );
  });

  test.each(['SAME_UPPER', 'SAME_LOWER', 'VALID'])('Conv and MaxPool with auto_pad %s', async (mode) => {
    const random = new Random(5);
    const shared = { auto_pad: string(mode), strides: ints([2, 2]) };
    const image = distinct(random, [1, 2, 5, 6]);
    await checkOperator({ type: 'Conv', operands: [image, normal(random, [2, 2, 3, 2])], attributes: shared });
    await checkOperator({ type: 'MaxPool', operands: [image], attributes: { ...shared, kernel_shape: ints([3, 2]) } });
  });

  test('grouped convolution, depthwise too', async () => {
    await fc.assert(
      fc.asyncProperty(geometries(2), fc.integer(), fc.constantFrom(1, 2, 4), async (geometry, seed, perGroup) => {
        const random = new Random(seed);
        const groups = 4 / perGroup;
        const weights = normal(random, [2 * groups, perGroup, ...geometry.kernel]);
        const operands = [normal(random, [2, 4, ...geometry.size]), weights, normal(random, [2 * groups])];
        const attributes = { ...attributesOf(geometry), dilations: ints(geometry.dilations), group: int(groups) };
        await checkOperator({ type: 'Conv', operands, attributes });
      }),
      { numRuns: 30 },
    );
  });

  test('GlobalAveragePool', async () => {
    await checkOperator({ type: 'GlobalAveragePool', operands: [normal(new Random(2), [2, 3, 4, 5])] });
  });
});
