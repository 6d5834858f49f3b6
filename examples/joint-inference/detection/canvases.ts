/** Canvases of 64 x 64 grey pixels with a digit, or none, in each of four cells: what a detector looks at. */
import { PNG } from 'pngjs';
import { Random } from '../../../sdk/estimators/onnx/index.ts';
import { allDigits, side as digitSide } from '../../incremental-learning/mnist/digits.ts';

export const side = 64;
export const cells = 4;
export const cellSide = side / 2;
/** Class of a cell without a digit. */
export const empty = 10;

export interface Canvas {
  /** 0..255, row by row. */
  pixels: Uint8Array;
  /** One class for each cell, row by row. */
  labels: number[];
}

/** Corners of a cell: x1, y1, x2, y2. */
export function cornersOf(cell: number): [number, number, number, number] {
  const [x, y] = [(cell % 2) * cellSide, Math.floor(cell / 2) * cellSide];
  return [x, y, x + cellSide, y + cellSide];
}

/** Digits lie anywhere in their cell, and one cell in three is empty. `from`: the first digit that is used. */
export function canvases(
  count: number,
  { seed, from, digits }: { seed: number; from: number; digits: number },
): Canvas[] {
  const random = new Random(seed);
  const draw = (below: number): number => Math.floor(random.uniform() * below);
  return Array.from({ length: count }, () => {
    const pixels = new Uint8Array(side * side);
    const labels = Array.from({ length: cells }, (_, cell) => {
      if (draw(3) === 0) return empty;
      const digit = allDigits()[from + draw(digits)];
      if (!digit) throw new Error(`there are no ${from + digits} digits`);
      const [left, top] = cornersOf(cell);
      const [x, y] = [left + draw(cellSide - digitSide), top + draw(cellSide - digitSide)];
      for (let row = 0; row < digitSide; row++) {
        pixels.set(digit.image.subarray(row * digitSide, (row + 1) * digitSide), (y + row) * side + x);
      }
      return digit.label;
    });
    return { pixels, labels };
  });
}

export function pngOf({ pixels }: Canvas): Buffer {
  const png = new PNG({ width: side, height: side });
  pixels.forEach((grey, i) => png.data.fill(grey, i * 4, i * 4 + 3).fill(255, i * 4 + 3, i * 4 + 4));
  return PNG.sync.write(png);
}
