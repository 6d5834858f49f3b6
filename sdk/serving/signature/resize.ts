import type { ResizeOptions } from '../../../crds/lib/signature.ts';
import type { Image, Pixels, Placement } from './image.ts';

export interface Resized {
  pixels: Pixels;
  placement: Placement;
}

const CHANNELS = 3;
const DEFAULT_FILL = 128;

/** Bilinear between pixel centres, as OpenCV's INTER_LINEAR; where the image does not reach, `fill`. */
export function resize(image: Image, { height, width, mode = 'Stretch', fill = DEFAULT_FILL }: ResizeOptions): Resized {
  const placement = place(image, { height, width, mode });
  const { scaleX, scaleY, offsetX, offsetY } = placement;
  const data = new Float32Array(width * height * CHANNELS).fill(fill);
  const columns = samples(width, { scale: scaleX, offset: offsetX, size: image.width });
  const rows = samples(height, { scale: scaleY, offset: offsetY, size: image.height });
  for (const [y, { low: y0, high: y1, share: dy }] of rows) {
    for (const [x, { low: x0, high: x1, share: dx }] of columns) {
      for (let channel = 0; channel < CHANNELS; channel++) {
        const at = (row: number, column: number) => image.data[(row * image.width + column) * CHANNELS + channel] ?? 0;
        const top = at(y0, x0) * (1 - dx) + at(y0, x1) * dx;
        const bottom = at(y1, x0) * (1 - dx) + at(y1, x1) * dx;
        data[(y * width + x) * CHANNELS + channel] = top * (1 - dy) + bottom * dy;
      }
    }
  }
  return { pixels: { width, height, channels: CHANNELS, data }, placement };
}

/** As it is. */
export function unchanged({ width, height, data }: Image): Resized {
  return {
    pixels: { width, height, channels: CHANNELS, data: Float32Array.from(data) },
    placement: { scaleX: 1, scaleY: 1, offsetX: 0, offsetY: 0, width, height },
  };
}

function place(image: Image, { height, width, mode }: Required<Omit<ResizeOptions, 'fill'>>): Placement {
  const of = { width: image.width, height: image.height };
  const [scaleX, scaleY] = [width / image.width, height / image.height];
  if (mode === 'Stretch') return { scaleX, scaleY, offsetX: 0, offsetY: 0, ...of };
  const scale = mode === 'Letterbox' ? Math.min(scaleX, scaleY) : Math.max(scaleX, scaleY);
  const offset = (target: number, source: number) => Math.floor((target - Math.round(source * scale)) / 2);
  return {
    scaleX: scale,
    scaleY: scale,
    offsetX: offset(width, image.width),
    offsetY: offset(height, image.height),
    ...of,
  };
}

interface Sample {
  low: number;
  high: number;
  /** Of `high`. */
  share: number;
}

/** For each target position that the image reaches: the two source positions that it lies between. */
function samples(target: number, source: { scale: number; offset: number; size: number }): [number, Sample][] {
  const { scale, offset, size } = source;
  const found: [number, Sample][] = [];
  for (let i = 0; i < target; i++) {
    const position = (i - offset + 0.5) / scale - 0.5;
    if (position < -0.5 - 1e-9 || position > size - 0.5 + 1e-9) continue;
    const clamped = Math.min(Math.max(position, 0), size - 1);
    const low = Math.floor(clamped);
    found.push([i, { low, high: Math.min(low + 1, size - 1), share: clamped - low }]);
  }
  return found;
}
