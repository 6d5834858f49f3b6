import { describe, expect, test } from '@jest/globals';
import { decodeBoxes } from '../../../../sdk/serving/signature/boxes.ts';
import { overlap, suppress } from '../../../../sdk/serving/signature/non-maximum-suppression.ts';
import { outputsAfter, postprocess } from '../../../../sdk/serving/signature/postprocess.ts';
import { softmax } from '../../../../sdk/serving/signature/softmax.ts';
import { topK } from '../../../../sdk/serving/signature/top-k.ts';

test('softmax: rows of sum 1, large values do not overflow', () => {
  expect(Array.from(softmax([0, 0, Math.log(2)], 3))).toEqual([0.25, 0.25, 0.5].map(Math.fround));
  expect(Array.from(softmax([1000, 1000, -1000, 0], 2))).toEqual([0.5, 0.5, 0, 1]);
});

test('top-k: largest first, of equal ones the first, NaN last', () => {
  expect(topK([1, 3, 3, 2, NaN, 0, 5, 4], 4, 2)).toEqual({
    scores: Float32Array.of(3, 3, 5, 4),
    classes: BigInt64Array.of(1n, 2n, 2n, 3n),
  });
});

describe('boxes', () => {
  const box = (...[x1, y1, x2, y2, score, label = 0]: [number, number, number, number, number, number?]) => ({
    x1,
    y1,
    x2,
    y2,
    score,
    label,
  });

  test('overlap is intersection over union', () => {
    expect(overlap(box(0, 0, 2, 2, 1), box(1, 1, 3, 3, 1))).toBeCloseTo(1 / 7);
    expect(overlap(box(0, 0, 1, 1, 1), box(1, 0, 2, 1, 1))).toBe(0);
    expect(overlap(box(0, 0, 1, 1, 1), box(0, 0, 1, 1, 1))).toBe(1);
  });

  test('the weaker of two of one class goes, of two classes neither', () => {
    const boxes = [box(0, 0, 10, 10, 0.6), box(1, 0, 11, 10, 0.9), box(1, 0, 11, 10, 0.7, 1), box(50, 50, 60, 60, 0.5)];
    expect(suppress(boxes, { iouThreshold: 0.5, maxBoxes: 10 })).toEqual([boxes[1], boxes[2], boxes[3]]);
    expect(suppress(boxes, { iouThreshold: 0.5, maxBoxes: 1 })).toEqual([boxes[1]]);
  });

  const seen = { width: 100, height: 200 };
  test.each([
    [{ format: 'CXCYWH' as const }, [20, 30, 10, 20]],
    [{ format: 'XYWH' as const }, [15, 20, 10, 20]],
    [{ format: 'XYXY' as const }, [15, 20, 25, 40]],
    [{ format: 'YXYX' as const }, [20, 15, 40, 25]],
    [{ format: 'XYXY' as const, normalized: true }, [0.15, 0.1, 0.25, 0.2]],
  ])('%j', (options, coordinates) => {
    const [found] = decodeBoxes({ data: [...coordinates, 0.2, 0.9], count: 1, size: 6, ...seen }, options);
    expect(found).toMatchObject({ score: 0.9, label: 1 });
    expect([found?.x1, found?.y1, found?.x2, found?.y2].map((value) => Math.round(value ?? 0))).toEqual([
      15, 20, 25, 40,
    ]);
  });

  test('objectness multiplies; a threshold cuts; NaN is no score', () => {
    const data = [0, 0, 1, 1, 0.5, 0.9, 0, 0, 1, 1, 1, 0.6, 0, 0, 1, 1, 1, NaN];
    const found = decodeBoxes({ data, count: 3, size: 6, ...seen }, { objectness: true, format: 'XYXY' });
    expect(found).toEqual([box(0, 0, 1, 1, 0.6)]);
  });

  test('transposed, as values of candidates', () => {
    const data = [0, 10, 0, 10, 5, 15, 5, 15, 0.9, 0.8];
    const found = decodeBoxes({ data, count: 2, size: 5, ...seen }, { transposed: true, format: 'XYXY' });
    expect(found).toEqual([box(0, 0, 5, 5, 0.9), box(10, 10, 15, 15, 0.8)]);
  });

  test('back through the letterbox, cut at the border of the image', () => {
    const placement = { scaleX: 0.5, scaleY: 0.5, offsetX: 0, offsetY: 25, width: 200, height: 100 };
    const candidates = { data: [10, 35, 20, 500, 1], count: 1, size: 5, width: 100, height: 100 };
    expect(decodeBoxes(candidates, { format: 'XYXY' }, placement)).toEqual([box(20, 20, 40, 100, 1)]);
  });

  test('rows of boxes have one length, whatever was found', () => {
    const data = Float32Array.of(0, 0, 1, 1, 0.9, 0, 0, 1, 1, 0.1);
    const options = { boxes: { format: 'XYXY' as const, maxBoxes: 2 } };
    const outputs = postprocess({ y: { datatype: 'float32', shape: [2, 1, 5], data } }, 'y', { options, seen });
    expect(outputs['count']).toEqual({ datatype: 'int32', shape: [2], data: Int32Array.of(1, 0) });
    expect(outputs['boxes']?.shape).toEqual([2, 2, 6]);
    expect(Array.from(outputs['boxes']?.data as Float32Array).map((value) => Math.round(value * 10) / 10)).toEqual([
      0,
      0,
      1,
      1,
      0.9,
      0,
      ...[0, 0, 0, 0, 0, -1],
      ...[0, 0, 0, 0, 0, -1],
      ...[0, 0, 0, 0, 0, -1],
    ]);
  });
});

test('outputs are described as they come', () => {
  const y = { name: 'y', datatype: 'float32', shape: ['N', 10] } as const;
  const z = { name: 'z', datatype: 'float32', shape: ['N'] } as const;
  expect(outputsAfter([y, z], { output: 'y', topK: 3, labels: ['a'] })).toEqual([
    { name: 'scores', datatype: 'float32', shape: ['N', 3] },
    { name: 'classes', datatype: 'int64', shape: ['N', 3] },
    { name: 'labels', datatype: 'string', shape: ['N', 3] },
    z,
  ]);
  expect(outputsAfter([y], { softmax: true })).toEqual([y]);
});
