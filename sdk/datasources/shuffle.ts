/**
 * A seeded order of 0..count-1 that needs no memory: position i is put through a Feistel network over the smallest even number of
 * bits that holds `count`, and again until it falls below `count` (cycle walking; Black and Rogaway, 2002). Any position
 * can be asked for at once, so that an index larger than memory can be shuffled and a resumed epoch can start anywhere.
 */
export class Shuffle {
  readonly #count: number;
  readonly #half: number;
  readonly #keys: readonly number[];

  constructor(count: number, seed: number) {
    const bits = Math.max(2, Math.ceil(Math.log2(Math.max(2, count))));
    this.#count = count;
    this.#half = Math.ceil(bits / 2);
    this.#keys = Array.from({ length: ROUNDS }, (_, round) => mix(seed ^ Math.imul(round + 1, 0x9e3779b9)));
  }

  /** The index at position i of the order. */
  at(i: number): number {
    let x = i;
    do x = this.#encrypt(x);
    while (x >= this.#count);
    return x;
  }

  #encrypt(value: number): number {
    const span = 2 ** this.#half;
    let [left, right] = [Math.floor(value / span), value % span];
    for (const key of this.#keys) [left, right] = [right, (left ^ mix(right ^ key)) & (span - 1)];
    return left * span + right;
  }
}

/** Enough for an order that no test of a few million positions tells from a random one. */
const ROUNDS = 6;

/** The finaliser of MurmurHash3: every bit of the input changes about half of the output's. */
function mix(x: number): number {
  let h = x | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
