/** Rows of pixels of three bytes: red, green, blue. */
export interface Image {
  width: number;
  height: number;
  data: Uint8Array;
}

/** The same in numbers of any size, with one to three channels per pixel. */
export interface Pixels {
  width: number;
  height: number;
  channels: number;
  data: Float32Array;
}

/** How a pixel of the original lies in what the model sees: x' = x × scaleX + offsetX. */
export interface Placement {
  scaleX: number;
  scaleY: number;
  offsetX: number;
  offsetY: number;
  /** Of the original. */
  width: number;
  height: number;
}

/** An image that cannot be used; the message says why. */
export class ImageError extends Error {
  override name = 'ImageError';
}
