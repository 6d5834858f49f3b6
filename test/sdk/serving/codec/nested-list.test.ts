import { expect, test } from '@jest/globals';
import { listOf, outputsOf } from '../../../../sdk/serving/codec/nested-list.ts';
import type { TensorInfo } from '../../../../sdk/tensor.ts';

const scores: TensorInfo = { name: 'scores', datatype: 'float32', shape: ['N', 2] };
const labels: TensorInfo = { name: 'labels', datatype: 'int64', shape: ['N'] };

test('a list is the outputs that it was made of, with and without their first dimension', () => {
  const row = { scores: { datatype: 'float32', shape: [1, 2], data: Float32Array.of(0.25, 0.75) } } as const;
  const two = { scores: { ...row.scores, shape: [2, 2], data: Float32Array.of(1, 0, 0, 1) } };
  for (const outputs of [row, two]) {
    const list = listOf(outputs as never, true);
    expect(outputsOf(list, [scores])).toEqual(outputs);
  }
  expect(listOf(row as never, true)).toEqual([0.25, 0.75]);
});

test('several outputs are a list of them in their order', () => {
  const outputs = outputsOf([[0.25, 0.75], 3], [scores, labels]);
  expect(outputs).toEqual({
    scores: { datatype: 'float32', shape: [1, 2], data: Float32Array.of(0.25, 0.75) },
    labels: { datatype: 'int64', shape: [1], data: BigInt64Array.of(3n) },
  });
});

test.each([
  [[[1, 2], [3]], [scores], 'output "scores": lists of one level differ in length'],
  [['a', 'b'], [scores], 'output "scores": element 0 is "a"; expected a number'],
  [null, [scores, labels], 'is no list of 2 outputs: scores, labels'],
  [[1], [scores, labels], 'is no list of 2 outputs: scores, labels'],
] as const)('%j is refused', (list, infos, message) => {
  expect(() => outputsOf(list, infos)).toThrow(message);
});
