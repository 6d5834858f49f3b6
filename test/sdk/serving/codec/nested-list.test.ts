import { expect, test } from '@jest/globals';
import { feedsOf, listOf, outputsOf } from '../../../../sdk/serving/codec/nested-list.ts';
import { pixelTextOf } from '../../../../sdk/serving/codec/pixels.ts';
import type { TensorInfo } from '../../../../sdk/tensor.ts';

const scores: TensorInfo = { name: 'scores', datatype: 'float32', shape: ['N', 2] };
const labels: TensorInfo = { name: 'labels', datatype: 'int64', shape: ['N'] };
const pixelsIn = (file: Uint8Array): unknown => JSON.parse(Buffer.from(pixelTextOf(file)).toString());

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

const boxes: TensorInfo[] = [
  { name: 'boxes', datatype: 'float32', shape: ['N', 2, 6] },
  { name: 'count', datatype: 'int32', shape: ['N'] },
];

test('boxes are those that were found', () => {
  const found = [[1, 2, 3, 4, 0.5, 7]];
  const outputs = outputsOf(found, boxes);
  expect(outputs).toEqual({
    boxes: {
      datatype: 'float32',
      shape: [1, 2, 6],
      data: Float32Array.of(1, 2, 3, 4, 0.5, 7, 0, 0, 0, 0, 0, -1),
    },
    count: { datatype: 'int32', shape: [1], data: Int32Array.of(1) },
  });
  expect(listOf(outputs, true)).toEqual(found);
  expect(listOf(outputs, false)).toEqual([found]);
  expect(listOf(outputsOf([], boxes), true)).toEqual([]);
});

test('an input that takes files takes pixels, and the tensor that its model takes', () => {
  const or: TensorInfo = { name: 'image', datatype: 'float32', shape: ['N', 3, 1, 2] };
  const input = { name: 'image', datatype: 'string', shape: ['N'], binary: true, or } as const;
  const { feeds, isRow } = feedsOf(
    [
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
    ],
    [input],
  );
  expect([isRow, pixelsIn(feeds['image']?.data[0] as Uint8Array)]).toEqual([
    true,
    [
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
    ],
  ]);
  const tensor = [[[0.5, 1]], [[0, 0]], [[1, 0]]];
  const data = Float32Array.of(0.5, 1, 0, 0, 1, 0);
  const expected = { feeds: { image: { datatype: 'float32', shape: [1, 3, 1, 2], data } }, isRow: true };
  expect(feedsOf(tensor, [input])).toEqual(expected);
  expect(feedsOf([tensor], [input])).toEqual({ ...expected, isRow: false });
});

test.each([
  [[[1, 2], [3]], [scores], 'output "scores": lists of one level differ in length'],
  [['a', 'b'], [scores], 'output "scores": element 0 is "a"; expected a number'],
  [null, [scores, labels], 'is no list of 2 outputs: scores, labels'],
  [[1], [scores, labels], 'is no list of 2 outputs: scores, labels'],
] as const)('%j is refused', (list, infos, message) => {
  expect(() => outputsOf(list, infos)).toThrow(message);
});
