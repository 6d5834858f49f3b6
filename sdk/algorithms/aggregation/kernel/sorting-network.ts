/**
 * Pairs (i, j), i < j, that sort k values when each is compared and put in order in turn: Batcher's merge exchange (Knuth, The Art of
 * Computer Programming 3, 5.2.2, algorithm M). About k·log²(k)/4 pairs: the same comparisons for every element, hence SIMD.
 */
export function sortingNetwork(k: number): Int32Array {
  const pairs: number[] = [];
  const top = k < 2 ? 0 : 2 ** (Math.ceil(Math.log2(k)) - 1);
  for (let p = top; p > 0; p >>= 1) {
    let [q, r, d] = [top, 0, p];
    for (;;) {
      for (let i = 0; i < k - d; i++) if ((i & p) === r) pairs.push(i, i + d);
      if (q === p) break;
      [d, q, r] = [q - p, q >> 1, p];
    }
  }
  return Int32Array.from(pairs);
}
