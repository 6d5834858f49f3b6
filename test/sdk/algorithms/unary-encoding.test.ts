import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { mistNet } from '../../../sdk/algorithms/aggregation/index.ts';
import {
  decodeUnary,
  encodeUnary,
  flipProbability,
  rowBytes,
  type UnaryCode,
} from '../../../sdk/algorithms/encoding/unary-encoding.ts';

const code = (change: Partial<UnaryCode> = {}): UnaryCode => ({ bits: 1, low: 0, high: 1, epsilon: 100, ...change });
const bitsOf = (packed: Uint8Array): string =>
  [...packed].map((byte) => byte.toString(2).padStart(8, '0').split('').reverse().join('')).join(' ');
/** A generator whose numbers are these, over and over. */
const drawing =
  (...numbers: number[]) =>
  (into: Uint32Array<ArrayBuffer>): void =>
    into.forEach((_, i) => (into[i] = numbers[i % numbers.length] as number));
const never = drawing(2 ** 32 - 1);

describe('symmetric unary encoding', () => {
  // p = e^(ε/2) / (e^(ε/2) + 1), q = 1 / (e^(ε/2) + 1), worked by hand.
  test.each([
    [2 * Math.log(3), 1 / 4],
    [2 * Math.log(9), 1 / 10],
    [0, 1 / 2],
  ])('ε %d: a bit is reported as the other one with probability %d', (epsilon, q) => {
    expect(flipProbability(epsilon)).toBeCloseTo(q, 12);
  });

  test('one bit says whether a value is above 0; rows are packed, lowest bit first', () => {
    const values = Float32Array.of(0, 1, -2, 0.5, 3, -1, 1, 1, 1e-30, /* row 2 */ -1, -1, -1, -1, -1, -1, -1, -1, 5);
    const packed = encodeUnary(values, 9, code(), never);
    expect(bitsOf(packed)).toBe('01011011 10000000 00000000 10000000');
    const decoded = [...decodeUnary(packed, 9, code())];
    expect(decoded.map((value) => Math.abs(Number(value.toFixed(12))))).toEqual(
      [...values].map((value) => (value > 0 ? 1 : 0)),
    );
  });

  test('more bits say in which part of the range a value lies; what is outside is at its ends', () => {
    const four = code({ bits: 4, low: -1, high: 1 });
    const values = Float32Array.of(-1, -0.5, 0, 0.99, -7, 7);
    const packed = encodeUnary(values, 3, four, never);
    expect(bitsOf(packed)).toBe('10000100 00100000 00011000 00010000');
    expect([...decodeUnary(packed, 3, four)]).toEqual([-0.75, -0.25, 0.25, 0.75, -0.75, 0.75]);
  });

  test('a bit whose draw is below q is reported as the other one', () => {
    const noisy = code({ epsilon: 2 * Math.log(3) });
    const [above, below] = [2 ** 30 + 1000, 2 ** 30 - 1000];
    expect(bitsOf(encodeUnary(Float32Array.of(1, 1, -1, -1), 4, noisy, drawing(above, below)))).toBe('10010000');
    // (1 − q) / (1 − 2q) and −q / (1 − 2q): unbiased.
    expect([...decodeUnary(Uint8Array.of(0b01), 2, noisy)]).toEqual([1.5, -0.5]);
  });

  test('however large ε is, no bit is certain', () => {
    expect(bitsOf(encodeUnary(Float32Array.of(1, 1), 2, code({ epsilon: 1000 }), drawing(0, 1)))).toBe('01000000');
  });

  test('the system draws: shares and estimates are what they must be', () => {
    const epsilon = 2 * Math.log(4);
    const count = 200_000;
    for (const [bits, value] of [
      [1, 3],
      [1, -3],
      [4, 0.3],
    ] as const) {
      const noisy = code({ bits, epsilon });
      const estimates = decodeUnary(encodeUnary(new Float32Array(count).fill(value), 10, noisy), 10, noisy);
      const mean = estimates.reduce((sum, one) => sum + one, 0) / count;
      // Its standard deviation is below 1; five of the mean's are 0.011.
      expect(Math.abs(mean - (bits === 1 ? (value > 0 ? 1 : 0) : 0.375))).toBeLessThan(0.02);
    }
  });

  test('a row of any length comes back as the parts in which its values lie', () => {
    const arrays = fc.tuple(
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 2, max: 19 }),
    );
    fc.assert(
      fc.property(
        arrays,
        fc.infiniteStream(fc.float({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
        ([row, rows, bits], stream) => {
          const values = Float32Array.from({ length: row * rows }, () => stream.next().value as number);
          const packed = encodeUnary(values, row, code({ bits }), never);
          expect(packed).toHaveLength(rows * rowBytes(row, { bits }));
          const middles = [...values].map((value) => Math.fround((Math.floor(value * bits) + 0.5) / bits));
          decodeUnary(packed, row, code({ bits })).forEach((value, i) =>
            expect(value).toBeCloseTo(middles[i] as number, 5),
          );
        },
      ),
    );
  });
});

describe('parameters of MistNet', () => {
  test('are those of Sedna, with defaults', () => {
    expect(mistNet({ cut_layer: 'relu2' })).toEqual({ layer: 'relu2', code: code() });
    expect(mistNet({ cut_layer: 4, epsilon: '2', bits: 8, low: -1, high: '3' })).toEqual({
      layer: '4',
      code: { bits: 8, low: -1, high: 3, epsilon: 2 },
    });
  });

  test.each([
    [{}, 'cut_layer: is missing; it must be the name of an ONNX tensor of the Model'],
    [{ cut_layer: 'a', epsilon: 0 }, 'epsilon: must be a number above 0 and at most 1000, not 0'],
    [{ cut_layer: 'a', bits: 2 }, 'bits: 2 needs low and high'],
    [{ cut_layer: 'a', low: 1 }, 'low: must be below high (1), not 1'],
    [{ cut_layer: 'a', epsilom: 1 }, 'epsilom: is no parameter of this strategy; it has epsilon, bits, low, high'],
  ])('%j is refused', (parameters, message) => {
    expect(() => mistNet(parameters)).toThrow(`spec.aggregation.parameters.${message}`);
  });
});
