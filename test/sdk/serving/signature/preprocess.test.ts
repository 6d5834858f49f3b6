import { describe, expect, test } from '@jest/globals';
import jpeg from 'jpeg-js';
import { PNG } from 'pngjs';
import { decodeImage } from '../../../../sdk/serving/signature/decode-image.ts';
import { normalise } from '../../../../sdk/serving/signature/normalise.ts';
import { preprocess } from '../../../../sdk/serving/signature/preprocess.ts';
import { resize } from '../../../../sdk/serving/signature/resize.ts';
import { pngOf } from '../support/images.ts';

describe('decoding', () => {
  test('PNG: the very values, transparency dropped', () => {
    const image = { width: 2, height: 1, data: [255, 0, 7, 1, 2, 3] };
    expect(decodeImage(pngOf(image))).toEqual({ ...image, data: Uint8Array.from(image.data) });
    const clear = new PNG({ width: 1, height: 1 });
    clear.data.set([9, 8, 7, 0]);
    expect(decodeImage(PNG.sync.write(clear)).data).toEqual(Uint8Array.of(9, 8, 7));
  });

  test('JPEG: about the values', () => {
    const data = Buffer.alloc(16 * 16 * 4, 200);
    const { data: file } = jpeg.encode({ width: 16, height: 16, data }, 95);
    const { width, height, data: rgb } = decodeImage(file);
    expect([width, height, rgb.length]).toEqual([16, 16, 768]);
    expect(rgb.every((value) => Math.abs(value - 200) <= 2)).toBe(true);
  });

  const bomb = pngOf({ width: 1, height: 1, data: [1, 2, 3] });
  bomb.writeUInt32BE(100_000, 16);
  bomb.writeUInt32BE(100_000, 20);
  const hugeJpeg = Buffer.from(jpeg.encode({ width: 8, height: 8, data: Buffer.alloc(256) }, 50).data);
  hugeJpeg.writeUInt32BE(0xffffffff, hugeJpeg.indexOf(Buffer.from([0xff, 0xc0])) + 5);

  test.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(), 'is neither JPEG nor PNG'],
    ['text', Buffer.from('hello'), 'is neither JPEG nor PNG'],
    ['a GIF', Buffer.from('GIF89a0000000000'), 'is neither JPEG nor PNG'],
    ['a cut PNG', pngOf({ width: 2, height: 2, data: Array<number>(12).fill(1) }).subarray(0, 50), 'cannot be decoded'],
    ['only the head of a PNG', bomb.subarray(0, 12), 'has no size'],
    ['only the head of a JPEG', Buffer.from([0xff, 0xd8, 0xff, 0xe0]), 'has no size'],
    ['a small PNG that declares 10^10 pixels', bomb, 'has 100000 × 100000 pixels'],
    ['a small JPEG that declares 2^32 pixels', hugeJpeg, 'has 65535 × 65535 pixels'],
  ])('%s is refused', (_name, file, message) => {
    expect(() => decodeImage(file)).toThrow(message);
  });
});

describe('resizing', () => {
  const grey = (width: number, height: number, ...values: number[]) => ({
    width,
    height,
    data: Uint8Array.from(values.flatMap((value) => [value, value, value])),
  });
  const first = ({ pixels }: ReturnType<typeof resize>) => Array.from(pixels.data).filter((_, i) => i % 3 === 0);

  test('to the same size changes nothing', () => {
    expect(first(resize(grey(2, 2, 1, 2, 3, 4), { width: 2, height: 2 }))).toEqual([1, 2, 3, 4]);
  });

  test('bilinear between centres, by hand', () => {
    expect(first(resize(grey(2, 1, 0, 100), { width: 4, height: 1 }))).toEqual([0, 25, 75, 100]);
    expect(first(resize(grey(4, 1, 0, 10, 20, 30), { width: 2, height: 1 }))).toEqual([5, 25]);
  });

  test('a letterbox keeps the aspect ratio and fills', () => {
    const resized = resize(grey(2, 1, 10, 20), { width: 2, height: 3, mode: 'Letterbox', fill: 7 });
    expect(first(resized)).toEqual([7, 7, 10, 20, 7, 7]);
    expect(resized.placement).toEqual({ scaleX: 1, scaleY: 1, offsetX: 0, offsetY: 1, width: 2, height: 1 });
  });

  test('a crop keeps it and cuts', () => {
    expect(first(resize(grey(4, 2, 1, 2, 3, 4, 5, 6, 7, 8), { width: 2, height: 2, mode: 'Crop' }))).toEqual([
      2, 3, 6, 7,
    ]);
  });
});

describe('normalising', () => {
  const pixels = { width: 2, height: 1, channels: 3, data: Float32Array.of(0, 51, 255, 255, 102, 0) };

  test.each([
    [{ scale: 1 }, [0, 255, 51, 102, 255, 0]],
    [{ scale: 1, layout: 'NHWC' as const }, [0, 51, 255, 255, 102, 0]],
    [{ scale: 1, channels: 'BGR' as const }, [255, 0, 51, 102, 0, 255]],
    [{}, [0, 1, 0.2, 0.4, 1, 0]],
    [{ scale: 1, mean: [255, 51, 0], std: [51, 51, 255] }, [-5, 0, 0, 1, 1, 0]],
    [{ scale: 1, mean: [51], std: [51] }, [-1, 4, 0, 1, 4, -1]],
    [{ scale: 1, channels: 'Gray' as const }, [0.587 * 51 + 0.114 * 255, 0.299 * 255 + 0.587 * 102]],
  ])('%j', (options, expected) => {
    Array.from(normalise(pixels, options)).forEach((value, i) => expect(value).toBeCloseTo(expected[i] ?? NaN, 4));
  });
});

describe('images as a tensor', () => {
  const input = { name: 'x', datatype: 'float32', shape: ['N', 3, 'H', 'W'] } as const;
  const small = pngOf({ width: 1, height: 1, data: [255, 0, 0] });
  const large = pngOf({ width: 2, height: 1, data: [255, 0, 0, 0, 0, 0] });

  test('several have to have one size, declared or their own', () => {
    expect(preprocess([small, small], input, {}).tensor).toMatchObject({ shape: [2, 3, 1, 1], datatype: 'float32' });
    expect(() => preprocess([small, large], input, {})).toThrow('image 1 has another size than the first');
    const { tensor } = preprocess([small, large], input, { resize: { width: 2, height: 2 } });
    expect(tensor.shape).toEqual([2, 3, 2, 2]);
  });

  test('the size that the model declares is the default; bytes are rounded', () => {
    const bytes = { name: 'x', datatype: 'uint8', shape: ['N', 2, 2, 3] } as const;
    const { tensor } = preprocess([small], bytes, { layout: 'NHWC', scale: 1 });
    expect(tensor).toEqual({
      datatype: 'uint8',
      shape: [1, 2, 2, 3],
      data: Uint8Array.of(255, 0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0),
    });
  });

  test('a bad one is named by its number', () => {
    expect(() => preprocess([small, Buffer.from('no')], input, {})).toThrow('image 1 is neither JPEG nor PNG');
  });
});
