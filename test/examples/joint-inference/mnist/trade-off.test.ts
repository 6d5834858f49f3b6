import { expect, test } from '@jest/globals';
import { accuracyOf, plot, tradeOff, type Judged } from '../../../../examples/joint-inference/mnist/trade-off.ts';

/** Certainties 1 - H/ln 2 of the little model: 0 and 0.53; it is wrong where it is unsure. */
const samples: Judged[] = [
  { label: 0, little: [0.9, 0.1], big: [1, 0] },
  { label: 1, little: [0.5, 0.5], big: [0, 1] },
  { label: 0, little: [0.9, 0.1], big: [0, 1] },
  { label: 1, little: [0.1, 0.9], big: [0, 1] },
];

test('a higher threshold sends more samples to the big model, whatever that is worth', () => {
  expect([accuracyOf(samples, 'little'), accuracyOf(samples, 'big')]).toEqual([0.75, 0.75]);
  expect(tradeOff(samples, [0, 0.5, 0.6])).toEqual([
    { threshold: 0, uploadRatio: 0, accuracy: 0.75 },
    { threshold: 0.5, uploadRatio: 0.25, accuracy: 1 },
    { threshold: 0.6, uploadRatio: 1, accuracy: 0.75 },
  ]);
});

test('the plot has the best accuracy on top and all traffic on the right', () => {
  const points = tradeOff(samples, [0, 0.5, 0.6]);
  expect(plot(points, { width: 40, height: 3 })).toEqual([
    'accuracy',
    `100.0 % │${' '.repeat(10)}●`,
    '        │',
    ` 75.0 % │●${' '.repeat(38)}●`,
    `        └${'─'.repeat(40)}`,
    '         0 %  samples that go to the cloud  100 %',
  ]);
});
