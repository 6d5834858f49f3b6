type Floats = Float32Array | Float64Array;

/**
 * Per element, the mean of the `keep` values nearest to the median. `columns` are sorted over the clients, so these values are
 * neighbours: of two windows the one whose farther end is nearer to the median, the lower one of equals. Sums in f64, ascending.
 */
export function closestToMedian(columns: readonly Floats[], keep: number, out: Floats): void {
  const k = columns.length;
  const at = (rank: number, i: number): number => (columns[rank] as Floats)[i] as number;
  for (let i = 0; i < out.length; i++) {
    const median = 0.5 * at((k - 1) >> 1, i) + 0.5 * at(k >> 1, i);
    let first = 0;
    // Moving the window up by one gives its lowest value for the next higher one.
    while (first + keep < k && at(first + keep, i) - median < median - at(first, i)) first++;
    let sum = 0;
    for (let rank = first; rank < first + keep; rank++) sum += at(rank, i) / keep;
    out[i] = sum;
  }
}
