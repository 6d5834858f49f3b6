/** Images as the original's workers send them: nested lists of whole numbers, height × width × red, green and blue. */
import { PNG } from 'pngjs';
import { decodeImage } from '../signature/decode-image.ts';

/** A file of the pixels, for an input that takes files; `undefined`: they are no pixels. `shape`: that of the list, which is regular. */
export function fileOfPixels(list: readonly unknown[], shape: readonly number[]): Uint8Array | undefined {
  const [height = 0, width = 0, channels] = shape;
  if (shape.length !== 3 || channels !== 3 || height === 0 || width === 0) return undefined;
  const values = (list as number[][][]).flat(2);
  if (!values.every((value) => Number.isInteger(value) && value >= 0 && value <= 255)) return undefined;
  const png = Object.assign(new PNG({ width, height }), { data: Buffer.from(values) });
  // It is read again at once, on this machine: small is not worth much time.
  return PNG.sync.write(png, { inputColorType: 2, colorType: 2, inputHasAlpha: false, deflateLevel: 1, filterType: 0 });
}

/** Refuses what is neither JPEG nor PNG. */
export function pixelsOfFile(file: Uint8Array): number[][][] {
  const { width, height, data } = decodeImage(file);
  return Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) => Array.from(data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3))),
  );
}
