/** Decimal text to float32 and back, exactly as by way of float64 (which is how a trainer's own numbers come and go). */

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);
const lowWord = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 0 : 1;
const powers = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

/** Digits are taken nine at a time, as integers; what comes after the second nine is too small to matter beside the slack. */
const half = 9;
/** So many are exact in float64 whatever they are. */
const exactDigits = 15;
const smallestNormal = 1.2e-38;
const largest = 3.4e38;
/** Ulps of float64 around the middle of two float32 in which the quick way may not decide. Its error is below 5. */
const slack = 16;
const middle = 0x1000_0000;

/** Instead of the end of a token: it may go on after the piece; it is none. */
export const truncated = -1;
export const malformed = -2;

/** Significant digits of a number: (high · 10^lowDigits + low) · 10^exponent. One at a time, so that none is allocated. */
let high = 0;
let low = 0;
let lowDigits = 0;
let digits = 0;
let exponent = 0;

/** The value of the token that was read last, rounded to float32. */
export const scanned = new Float32Array(1);

/**
 * Reads the JSON number that begins at `start` into `scanned`: Infinity where it does not fit. Returns where it ends, `truncated` or
 * `malformed`.
 */
export function scanNumber(bytes: Uint8Array, start: number, end: number): number {
  const negative = bytes[start] === 45;
  const first = negative ? start + 1 : start;
  let i = scanMantissa(bytes, first, end);
  if (i >= 0 && i < end && ((bytes[i] as number) | 32) === 101) i = scanExponent(bytes, i + 1, end);
  if (i < 0) return i;
  if (i === end) return truncated;
  let value = quickValue();
  if (Number.isNaN(value)) value = exactValue(bytes, first, i);
  scanned[0] = negative ? -value : value;
  return i;
}

function scanMantissa(bytes: Uint8Array, start: number, end: number): number {
  high = low = lowDigits = digits = exponent = 0;
  const point = scanDigits(bytes, start, end, 0);
  const isWrong = point === start || (point > start + 1 && bytes[start] === 48);
  if (isWrong) return point === end && point === start ? truncated : malformed;
  if (point === end || bytes[point] !== 46) return point;
  const i = scanDigits(bytes, point + 1, end, -1);
  if (i > point + 1) return i;
  return i === end ? truncated : malformed;
}

/** `step`: what a digit does to the exponent, -1 after the point. */
function scanDigits(bytes: Uint8Array, start: number, end: number, step: number): number {
  let i = start;
  let h = high;
  let l = low;
  let n = lowDigits;
  let count = digits;
  let shift = exponent;
  for (; i < end; i++) {
    const digit = (bytes[i] as number) - 48;
    if (digit < 0 || digit > 9) break;
    if (count < half) {
      h = (h * 10 + digit) | 0;
      if (h !== 0) count++;
      shift += step;
    } else if (n < half) {
      l = (l * 10 + digit) | 0;
      n++;
      count++;
      shift += step;
    } else shift += step + 1;
  }
  high = h;
  low = l;
  lowDigits = n;
  digits = count;
  exponent = shift;
  return i;
}

function scanExponent(bytes: Uint8Array, start: number, end: number): number {
  const sign = bytes[start];
  const first = sign === 43 || sign === 45 ? start + 1 : start;
  let power = 0;
  let i = first;
  for (; i < end; i++) {
    const digit = (bytes[i] as number) - 48;
    if (digit < 0 || digit > 9) break;
    if (power < 100_000) power = power * 10 + digit;
  }
  if (i === first) return i >= end ? truncated : malformed;
  exponent += sign === 45 ? -power : power;
  return i;
}

/** NaN: only all digits decide, because it lies too near to the middle of two float32, or beyond the normal ones. */
function quickValue(): number {
  if (high === 0) return 0;
  if (exponent < -44 || exponent > 22) return NaN;
  let value = lowDigits === 0 ? high : high * (powers[lowDigits] as number) + low;
  if (exponent >= 0) value *= powers[exponent] as number;
  else if (exponent >= -22) value /= powers[-exponent] as number;
  else value = value / 1e22 / (powers[-exponent - 22] as number);
  if (value < smallestNormal || value > largest) return NaN;
  if (digits <= exactDigits && exponent >= -22) return value;
  double[0] = value;
  const rest = (words[lowWord] as number) & 0x1fff_ffff;
  return Math.abs(rest - middle) <= slack ? NaN : value;
}

function exactValue(bytes: Uint8Array, start: number, end: number): number {
  return Number(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1'));
}

const pythonWords = (
  [
    ['NaN', NaN],
    ['Infinity', Infinity],
    ['-Infinity', -Infinity],
  ] as const
).map(([word, value]) => [Buffer.from(word), value] as const);

/** The same for `NaN`, `Infinity` and `-Infinity`, which Python writes. */
export function scanWord(bytes: Uint8Array, start: number, end: number): number {
  for (const [word, value] of pythonWords) {
    const length = Math.min(word.length, end - start);
    let same = 0;
    while (same < length && bytes[start + same] === word[same]) same++;
    if (same === word.length) {
      scanned[0] = value;
      return start + same;
    }
    if (same === end - start) return truncated;
  }
  return malformed;
}

/** Whether a number begins here, as opposed to one of Python's words. */
export const beginsNumber = (first: number, second: number | undefined): boolean =>
  (first >= 48 && first <= 57) || (first === 45 && second !== 73);

/**
 * The shortest decimal that reads back as this float32 (at powers of two sometimes one digit longer), with a point or exponent: a
 * Python reader must see a float.
 */
export function shortest(value: number): string {
  if (Object.is(value, -0)) return '-0.0';
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return `${value}.0`;
  const size = Math.abs(value);
  const rounded = shortestNumber(value);
  const text = size >= 1e-4 && size < 1e9 ? String(rounded) : rounded.toExponential();
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** Nine digits always suffice; whatever has up to six comes back as it was written. */
function shortestNumber(value: number): number {
  const at = (precision: number): number => Number(value.toPrecision(precision));
  const reads = (candidate: number): boolean => Math.fround(candidate) === value;
  if (Math.abs(value) < smallestNormal) {
    for (let precision = 1; precision < 9; precision++) if (reads(at(precision))) return at(precision);
    return at(9);
  }
  const eight = at(8);
  if (!reads(eight)) return at(9);
  const seven = at(7);
  if (!reads(seven)) return eight;
  const six = at(6);
  return reads(six) ? six : seven;
}
