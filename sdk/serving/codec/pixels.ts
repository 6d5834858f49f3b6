/** Images as the original's workers send them: nested lists of whole numbers, height × width × red, green and blue. */
import { PNG } from 'pngjs';
import { decodeImage } from '../signature/decode-image.ts';
import { ImageError, type Image } from '../signature/image.ts';
import { MAX_LISTS } from './json-text.ts';

const [OPENS, CLOSES, COMMA, ZERO] = [0x5b, 0x5d, 0x2c, 0x30];
/** `[255,255,255],` */
const LONGEST_PIXEL = 14;

/** A file of the pixels, for an input that takes files; `undefined`: they are no pixels. `shape`: that of the list, which is regular. */
export function fileOfPixels(list: readonly unknown[], shape: readonly number[]): Uint8Array | undefined {
  const [height = 0, width = 0, channels] = shape;
  if (shape.length !== 3 || channels !== 3 || height === 0 || width === 0) return undefined;
  const data = bytesOf(list as unknown[][][], width * height * channels);
  if (!data) return undefined;
  const png = Object.assign(new PNG({ width, height }), { data });
  // It is read again at once, on this machine: small is not worth much time.
  return PNG.sync.write(png, { inputColorType: 2, colorType: 2, inputHasAlpha: false, deflateLevel: 1, filterType: 0 });
}

/** In one pass without lists between: this is done where other requests wait. `undefined`: one is no whole number from 0 to 255. */
function bytesOf(list: readonly unknown[][][], count: number): Buffer | undefined {
  const bytes = Buffer.allocUnsafe(count);
  let at = 0;
  for (const row of list) {
    for (const pixel of row) {
      for (const value of pixel) {
        if (!(Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 255)) return undefined;
        bytes[at++] = value as number;
      }
    }
  }
  return bytes;
}

/**
 * The pixels of a file as JSON, in memory of its own. Takes tenths of a second for a large one. Throws an {@link ImageError} for what is neither JPEG
 * nor PNG, and for what `parseJson` would refuse.
 */
export function pixelTextOf(file: Uint8Array): Uint8Array<ArrayBuffer> {
  const image = decodeImage(file);
  const { width, height } = image;
  const lists = 1 + height * (1 + width);
  if (lists <= MAX_LISTS) return textOf(image);
  const size = `has ${width} × ${height} pixels, which are ${lists} lists; at most ${MAX_LISTS} are sent`;
  throw new ImageError(`${size}: make it smaller, or serve the big model over the Open Inference Protocol`);
}

function textOf({ width, height, data }: Image): Uint8Array<ArrayBuffer> {
  const text = new Uint8Array(2 + height * (3 + width * LONGEST_PIXEL));
  let at = 0;
  text[at++] = OPENS;
  for (let y = 0, from = 0; y < height; y++) {
    if (y > 0) text[at++] = COMMA;
    text[at++] = OPENS;
    for (let x = 0; x < width; x++, from += 3) {
      if (x > 0) text[at++] = COMMA;
      text[at++] = OPENS;
      at = write(text, at, data[from] ?? 0);
      text[at++] = COMMA;
      at = write(text, at, data[from + 1] ?? 0);
      text[at++] = COMMA;
      at = write(text, at, data[from + 2] ?? 0);
      text[at++] = CLOSES;
    }
    text[at++] = CLOSES;
  }
  text[at++] = CLOSES;
  return text.subarray(0, at);
}

/** The digits of a byte; where the next character goes. */
function write(text: Uint8Array, at: number, byte: number): number {
  let to = at;
  if (byte >= 100) text[to++] = ZERO + Math.floor(byte / 100);
  if (byte >= 10) text[to++] = ZERO + (Math.floor(byte / 10) % 10);
  text[to++] = ZERO + (byte % 10);
  return to;
}
