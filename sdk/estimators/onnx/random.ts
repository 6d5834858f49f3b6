/** State of the generator, as it is kept in checkpoints: four 32-bit words. */
export type RandomState = readonly [number, number, number, number];

/**
 * Seeded generator xoshiro128** (Blackman and Vigna, 2018). Deterministic over machines; not for secrets.
 */
export class Random {
  readonly #state: Uint32Array;

  constructor(seed: number | RandomState) {
    this.#state = Uint32Array.from(typeof seed === 'number' ? expand(seed) : seed);
  }

  get state(): RandomState {
    const [a = 0, b = 0, c = 0, d = 0] = this.#state;
    return [a, b, c, d];
  }

  /** Next 32 random bits. */
  next(): number {
    const s = this.#state;
    const [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = s;
    const result = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0;
    const x2 = s2 ^ s0;
    const x3 = s3 ^ s1;
    s[0] = s0 ^ x3;
    s[1] = s1 ^ x2;
    s[2] = x2 ^ (s1 << 9);
    s[3] = rotateLeft(x3, 11);
    return result;
  }

  /** Uniform in [0, 1), 32 bits of resolution. */
  uniform(): number {
    return this.next() / 2 ** 32;
  }

  /** Standard normal deviate (Box-Muller, the cosine half). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** The numbers 0..count-1 in random order (Fisher-Yates). */
  permutation(count: number): Uint32Array {
    const order = Uint32Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const j = Math.floor(this.uniform() * (i + 1));
      const swapped = order[i] ?? 0;
      order[i] = order[j] ?? 0;
      order[j] = swapped;
    }
    return order;
  }
}

function rotateLeft(x: number, k: number): number {
  return (x << k) | (x >>> (32 - k));
}

/** splitmix32: spreads a small seed over the whole state, so that it is never all zeros. */
function expand(seed: number): number[] {
  let z = seed >>> 0;
  return Array.from({ length: 4 }, () => {
    z = (z + 0x9e3779b9) >>> 0;
    let x = z;
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return (x ^ (x >>> 15)) >>> 0;
  });
}
