/** Softmax of each row of `size` values; the largest is taken off first, so that nothing overflows. */
export function softmax(values: ArrayLike<number>, size: number): Float32Array {
  const result = new Float32Array(values.length);
  for (let start = 0; start < values.length; start += size) {
    let largest = -Infinity;
    for (let i = start; i < start + size; i++) largest = Math.max(largest, values[i] ?? 0);
    let sum = 0;
    for (let i = start; i < start + size; i++) {
      const exponential = Math.exp((values[i] ?? 0) - largest);
      result[i] = exponential;
      sum += exponential;
    }
    for (let i = start; i < start + size; i++) result[i] = (result[i] ?? 0) / sum;
  }
  return result;
}
