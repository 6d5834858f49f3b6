/** IEEE 754 binary16, by its bits. Conversions are exact, or round to nearest with ties to even. */

const scratch = new DataView(new ArrayBuffer(8));

/** Value of the bits of a half. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Bits of the half nearest to a number. Values of 65 520 and more in size become infinite. */
export function toHalf(value: number): number {
  scratch.setFloat64(0, value);
  const high = scratch.getUint32(0);
  const sign = (high >>> 16) & 0x8000;
  const magnitude = Math.abs(value);
  if (Number.isNaN(value)) return sign | 0x7e00;
  if (magnitude >= 65_520) return sign | 0x7c00;
  const exponent = Math.max(((high >>> 20) & 0x7ff) - 1023, -14);
  // Distance of two halves at this size; the scaled value has at most 11 bits before the point, so rounding it is all.
  const units = roundHalfEven(magnitude / 2 ** (exponent - 10));
  // `units` counts from 0 below 2^-14 and from 1024 above: both ranges then meet, and a carry moves into the exponent.
  return sign | (units + (exponent + 14) * 1024);
}

function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

let table: Float32Array | undefined;

/** Values of all 65 536 halves: decoding an array is one look-up per element. 256 KiB, made on first use. */
export function halfTable(): Float32Array {
  table ??= Float32Array.from({ length: 65_536 }, (_, bits) => fromHalf(bits));
  return table;
}
