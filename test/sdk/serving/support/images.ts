import { PNG } from 'pngjs';

/** A PNG file of red, green and blue values. */
export function pngOf({ width, height, data }: { width: number; height: number; data: readonly number[] }): Buffer {
  const png = new PNG({ width, height });
  for (let pixel = 0; pixel < width * height; pixel++) {
    png.data.set([...data.slice(pixel * 3, pixel * 3 + 3), 255], pixel * 4);
  }
  return PNG.sync.write(png);
}
