import { randomFillSync } from 'node:crypto';

/** How features become bits. */
export interface UnaryCode {
  /** 1: whether a value is above 0. From 2 on: which of so many equal parts of `low` to `high` it lies in, one bit each. */
  bits: number;
  low: number;
  high: number;
  /** Of symmetric unary encoding; see {@link encodeUnary}. */
  epsilon: number;
}

/** Probability with which a bit is reported as the other one: q = 1 / (e^(ε/2) + 1). A bit is reported as it is with p = 1 − q. */
export const flipProbability = (epsilon: number): number => 1 / (Math.exp(epsilon / 2) + 1);

/** Bytes of one row of so many values. */
export const rowBytes = (values: number, { bits }: Pick<UnaryCode, 'bits'>): number => Math.ceil((values * bits) / 8);

/** 32 random bits for each element. */
export type RandomBits = (into: Uint32Array<ArrayBuffer>) => void;

const drawn = 4096;
const RANGE = 2 ** 32;

/**
 * Symmetric unary encoding (Wang et al., "Locally Differentially Private Protocols for Frequency Estimation", 2017): each value becomes one
 * bit, or a row of bits of which one is set, and each bit is reported as the other one with probability q. Two values differ in two bits at
 * most, and each tells e^(ε/2) at most, so what is reported of one value is ε-locally differentially private; of a single bit ε/2. Values
 * of one row compose. Rows are packed, lowest bit first, and padded with zeros. The bits are drawn from the system's generator: from a
 * seed that somebody else knows they could be undone.
 */
export function encodeUnary(
  values: Float32Array,
  row: number,
  code: UnaryCode,
  random: RandomBits = (into) => randomFillSync(into),
): Uint8Array {
  // Never less than asked for: the flips of a large ε are rarer than 2^-32, and happen as often as that.
  const threshold = Math.max(1, Math.ceil(flipProbability(code.epsilon) * RANGE));
  const bytes = rowBytes(row, code);
  const packed = new Uint8Array((values.length / row) * bytes);
  const noise = new Uint32Array(drawn);
  let used = drawn;
  for (let i = 0; i < values.length; i++) {
    const set = partOf(values[i] as number, code);
    const start = Math.floor(i / row) * bytes * 8 + (i % row) * code.bits;
    for (let bit = 0; bit < code.bits; bit++) {
      if (used === drawn) {
        random(noise);
        used = 0;
      }
      const isFlipped = (noise[used++] as number) < threshold;
      if ((bit === set) === isFlipped) continue;
      const at = start + bit;
      packed[at >> 3] = (packed[at >> 3] as number) | (1 << (at & 7));
    }
  }
  return packed;
}

/** The bit that is set for a value; -1: none is. */
function partOf(value: number, { bits, low, high }: UnaryCode): number {
  if (bits === 1) return value > 0 ? 0 : -1;
  return Math.min(bits - 1, Math.max(0, Math.floor(((value - low) / (high - low)) * bits)));
}

/**
 * The values that the bits speak of: their expectation is what they would be without noise, `low` or `high` for a single bit, else the middle
 * of the part. An estimate of one value may lie far outside of them.
 */
export function decodeUnary(packed: Uint8Array, row: number, code: UnaryCode): Float32Array {
  const { bits, low, high, epsilon } = code;
  const q = flipProbability(epsilon);
  const [reset, set] = [-q / (1 - 2 * q), (1 - q) / (1 - 2 * q)];
  const bytes = rowBytes(row, code);
  const rows = packed.length / bytes;
  const values = new Float32Array(rows * row);
  for (let i = 0; i < values.length; i++) {
    const start = Math.floor(i / row) * bytes * 8 + (i % row) * bits;
    let sum = bits === 1 ? low : 0;
    for (let bit = 0; bit < bits; bit++) {
      const at = start + bit;
      const share = ((packed[at >> 3] as number) >> (at & 7)) & 1 ? set : reset;
      sum += share * (bits === 1 ? high - low : low + ((high - low) * (bit + 0.5)) / bits);
    }
    values[i] = sum;
  }
  return values;
}
