import { expect, test } from '@jest/globals';
import { PNG } from 'pngjs';
import { parseJson } from '../../../../sdk/serving/codec/json-text.ts';
import { fileOfPixels, pixelTextOf } from '../../../../sdk/serving/codec/pixels.ts';

const textOf = (file: Uint8Array | undefined) => Buffer.from(pixelTextOf(file ?? Buffer.of())).toString();
const blank = (width: number, height: number) => PNG.sync.write(new PNG({ width, height }));

test('pixels are a file, and a file is pixels: every value', () => {
  const values = Array.from({ length: 16 }, (_, y) => Array.from({ length: 16 }, (_, x) => 16 * y + x));
  const pixels = values.map((row) => row.map((value) => [value, 255 - value, (value * 7) % 256]));
  expect(textOf(fileOfPixels(pixels, [16, 16, 3]))).toBe(JSON.stringify(pixels));
  const row = [[[9, 10, 99], [100, 0, 255]]]; // prettier-ignore
  expect(textOf(fileOfPixels(row, [1, 2, 3]))).toBe(JSON.stringify(row));
});

test.each([[[0.5, 0, 0]], [[256, 0, 0]], [[0, 0, -1]], [[0, '1', 0]], [[0, null, 0]]])('%j is no pixel', (pixel) => {
  expect(fileOfPixels([[pixel]], [1, 1, 3])).toBeUndefined();
});

test('a Full-HD frame goes through the reader of requests; what is too large for that is refused', () => {
  const frame = parseJson(Buffer.from(`{"data":${textOf(blank(1920, 1080))}}`));
  expect(frame).toHaveProperty('data.1079.1919', [0, 0, 0]);
  expect(() => pixelTextOf(blank(1536, 1536))).toThrow(
    'has 1536 × 1536 pixels, which are 2360833 lists; at most 2359296 are sent: make it smaller, or serve the big model over',
  );
  // Rows count, too.
  expect(() => pixelTextOf(blank(1, 1_200_000))).toThrow('which are 2400001 lists');
});

test('what is no image is refused', () => {
  expect(() => pixelTextOf(Buffer.from('gif'))).toThrow('is neither JPEG nor PNG');
});
