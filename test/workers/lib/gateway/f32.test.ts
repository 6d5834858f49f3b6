import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { keepsDenormals } from '../../../support/denormals.ts';
import { scanned, scanNumber, shortest } from '../../../../workers/lib/gateway/f32.ts';

const read = (text: string): number | undefined => {
  const bytes = Buffer.from(`${text},`);
  return scanNumber(bytes, 0, bytes.length) === text.length ? scanned[0] : undefined;
};

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);
const ofBits = (value: number): number => {
  bits[0] = value;
  return float[0] as number;
};
const float32 = fc
  .integer({ min: 0, max: 2 ** 32 - 1 })
  .map(ofBits)
  .filter(Number.isFinite);

describe('text to float32', () => {
  test('as by way of float64: any float64', () => {
    fc.assert(
      fc.property(fc.double({ noDefaultInfinity: true, noNaN: true }), (value) => {
        expect(read(String(value).replace('e+', 'e'))).toBe(Math.fround(Number(String(value))));
      }),
      { numRuns: 20_000 },
    );
  });

  test('digits of any number, point and exponent anywhere', () => {
    const digits = fc.stringMatching(/^(0|[1-9][0-9]{0,30})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?$/);
    fc.assert(
      fc.property(digits, fc.boolean(), (text, minus) => {
        const whole = minus ? `-${text}` : text;
        expect(read(whole)).toBe(Math.fround(Number(whole)));
      }),
      { numRuns: 20_000 },
    );
  });

  test('in the middle of two float32, and a hair beside it', () => {
    const nudge = fc.integer({ min: -40, max: 40 });
    fc.assert(
      fc.property(float32, nudge, fc.integer({ min: 15, max: 40 }), (value, ulps, precision) => {
        const next = ofBits((Math.abs(value) === Infinity ? 0 : toBits(value)) + 1);
        if (!Number.isFinite(next)) return;
        const middle = ((value + next) / 2) * (1 + ulps * 2 ** -53);
        const text = middle.toPrecision(precision).replace('e+', 'e');
        expect(read(text)).toBe(Math.fround(Number(text)));
      }),
      { numRuns: 40_000 },
    );
  });

  test.each(['01', '-', '1.', '.5', '1e', '1e+', '+1', '--1', '1.e5', '0x10', '00', '-01', '1-'])(
    '%s is none',
    (text) => {
      expect(read(text)).toBeUndefined();
    },
  );

  test('what may go on is waited for', () => {
    for (const text of ['1', '-', '1.', '1.5', '1e', '1e-', '1e-4', '0']) {
      expect(scanNumber(Buffer.from(text), 0, text.length)).toBe(-1);
    }
  });
});

describe('float32 to text', () => {
  test('reads back as the same number, also its sign, and as a float', () => {
    fc.assert(
      fc.property(float32, (value) => {
        const text = shortest(value);
        expect(Object.is(Math.fround(Number(text)), value)).toBe(true);
        expect(text).toMatch(/[.e]/);
        expect(text.length).toBeLessThan(16);
      }),
      { numRuns: 20_000 },
    );
  });

  test('no shorter one does, but for powers of two', () => {
    fc.assert(
      fc.property(float32, (value) => {
        fc.pre((toBits(value) & 0x7f_ffff) !== 0);
        const digits = (text: string): number => text.replace(/e.*|[-.]/g, '').replace(/^0+|0+$/g, '').length;
        const count = digits(shortest(value));
        if (count > 1) expect(Math.fround(Number(value.toPrecision(count - 1)))).not.toBe(value);
      }),
      { numRuns: 20_000 },
    );
  });

  test.each([
    [0, '0.0'],
    [-0, '-0.0'],
    [1, '1.0'],
    [-16, '-16.0'],
    [Math.fround(0.1), '0.1'],
    [Math.fround(1 / 3), '0.33333334'],
    [Math.fround(1e-7), '1e-7'],
    [Math.fround(3.4028235e38), '3.4028235e+38'],
    [16_777_216, '16777216.0'],
    ...(keepsDenormals ? ([[ofBits(1), '1e-45']] as const) : []),
  ])('%d', (value, text) => {
    expect(shortest(value)).toBe(text);
  });
});

function toBits(value: number): number {
  float[0] = value;
  return bits[0] as number;
}
