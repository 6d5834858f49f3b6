import { expect, test } from '@jest/globals';
import { improves } from '../../../../sdk/estimators/onnx/training/early-stopping.ts';

const best = (value: number | null) => ({ value, age: 0 });

test('losses are to fall, accuracies to rise, by more than minDelta', () => {
  expect(improves(0.9, best(1), { patience: 1 })).toBe(true);
  expect(improves(0.9, best(1), { patience: 1, minDelta: 0.2 })).toBe(false);
  expect(improves(0.9, best(1), { patience: 1, metric: 'accuracy' })).toBe(false);
});

test.each([NaN, null])('a first metric of %p is improved on by any number, and by no other of its sort', (none) => {
  for (const metric of ['loss', 'accuracy'] as const) {
    expect(improves(5, best(none), { patience: 1, metric })).toBe(true);
    expect(improves(NaN, best(none), { patience: 1, metric })).toBe(false);
  }
  expect(improves(NaN, undefined, { patience: 1 })).toBe(true);
});
