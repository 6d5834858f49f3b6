import { expect, test } from '@jest/globals';
import { isBatchable, rowsOf, sameForm, split, stack } from '../../../../sdk/serving/models/batch.ts';
import type { Tensor } from '../../../../sdk/index.ts';

const floats = (shape: number[], ...values: number[]): Tensor => ({
  datatype: 'float32',
  shape,
  data: Float32Array.from(values),
});
const text = (shape: number[], ...data: string[]): Tensor => ({ datatype: 'string', shape, data });

test('stack and split are each other’s inverse', () => {
  const requests = [
    { x: floats([1, 2], 1, 2), t: text([1], 'a') },
    { x: floats([2, 2], 3, 4, 5, 6), t: text([2], 'b', 'c') },
  ];
  const all = stack(requests);
  expect(all).toEqual({ x: floats([3, 2], 1, 2, 3, 4, 5, 6), t: text([3], 'a', 'b', 'c') });
  expect(split(all, [1, 2])).toEqual(requests);
});

test('only requests that differ in nothing but rows run together', () => {
  const x = floats([1, 2], 1, 2);
  expect(sameForm({ x }, { x: floats([2, 2], 1, 2, 3, 4) })).toBe(true);
  expect(sameForm({ x }, { x: floats([1, 3], 1, 2, 3) })).toBe(false);
  expect(sameForm({ x }, { x: floats([2], 1, 2) })).toBe(false);
  expect(sameForm({ x }, { x: { ...x, datatype: 'float64' } })).toBe(false);
  expect(rowsOf({ x, y: floats([1], 1) })).toBe(1);
  expect(rowsOf({ x, y: floats([2], 1, 2) })).toBeUndefined();
  expect(rowsOf({ x: floats([], 1) })).toBeUndefined();
});

test('a model takes batches only where every first dimension is open', () => {
  const open = { name: 'x', datatype: 'float32', shape: ['n', 2] } as const;
  expect(isBatchable([open], [open])).toBe(true);
  expect(isBatchable([open], [{ ...open, shape: [1, 2] }])).toBe(false);
  expect(isBatchable([open], [{ ...open, shape: [] }])).toBe(false);
  expect(isBatchable([open], [{ ...open, shape: [-1] }])).toBe(true);
  expect(isBatchable([], [open])).toBe(false);
});

test('an output without a row for each row is refused by name', () => {
  expect(() => split({ y: floats([1], 1) }, [1, 2])).toThrow('output "y" has 1 rows for 3 of the inputs');
});
