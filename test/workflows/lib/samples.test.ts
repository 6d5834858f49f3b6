import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { trainedUpTo, trains, trainSamples } from '../../../workflows/lib/samples.ts';

const probability = fc.double({ min: 0, max: 1, noNaN: true });
const many = fc.nat(3_000);

test('exactly floor(n·p) of the first n samples train', () => {
  fc.assert(
    fc.property(many, probability, (n, p) => {
      let count = 0;
      for (let i = 0; i < n; i++) if (trains(i, p)) count += 1;
      return count === Math.floor(n * p) && count === trainedUpTo(n, p);
    }),
    { numRuns: 50 },
  );
});

test('the number of a range does not depend on how it arrived', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(500), { maxLength: 20 }), probability, (batches, p) => {
      let [from, total] = [0, 0];
      for (const batch of batches) {
        total += trainSamples(from, from + batch, p);
        from += batch;
      }
      return total === trainedUpTo(from, p);
    }),
  );
});

test.each([
  [0, [false, false, false, false]],
  [1, [true, true, true, true]],
  [0.5, [false, true, false, true]],
  [0.8, [false, true, true, true, true, false]],
] as [number, boolean[]][])('p = %d: %s', (p, expected) => {
  expect(expected.map((_, i) => trains(i, p))).toEqual(expected);
});
