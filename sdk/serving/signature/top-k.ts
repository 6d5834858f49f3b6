export interface Top {
  scores: Float32Array;
  classes: BigInt64Array;
}

/** The `k` largest of each row of `size` values, largest first; of equal ones the first. NaN comes last. */
export function topK(values: ArrayLike<number>, size: number, k: number): Top {
  const rows = size === 0 ? 0 : values.length / size;
  const top: Top = { scores: new Float32Array(rows * k), classes: new BigInt64Array(rows * k) };
  const order = Array.from({ length: size }, (_, i) => i);
  for (let row = 0; row < rows; row++) {
    const of = (i: number): number => {
      const value = values[row * size + i] ?? NaN;
      return Number.isNaN(value) ? -Infinity : value;
    };
    const best = [...order].sort((a, b) => of(b) - of(a) || a - b).slice(0, k);
    best.forEach((index, i) => {
      top.scores[row * k + i] = values[row * size + index] ?? NaN;
      top.classes[row * k + i] = BigInt(index);
    });
  }
  return top;
}
