import type { Preprocess } from '../../../crds/lib/signature.ts';
import type { Pixels } from './image.ts';

/** Weights of red, green and blue in a grey value (ITU-R BT.601). */
const GREY = [0.299, 0.587, 0.114] as const;

/** Where a model's channel is in red, green, blue. */
const SOURCES = { RGB: [0, 1, 2], BGR: [2, 1, 0] } as const;

export const channelCount = ({ channels = 'RGB' }: Preprocess): number => (channels === 'Gray' ? 1 : 3);

/** Values of one image as the model takes them: (value × scale - mean) / std, channel by channel, in its layout. */
export function normalise({ width, height, data }: Pixels, options: Preprocess): Float32Array {
  const { layout = 'NCHW', scale = 1 / 255, mean, std } = options;
  const count = channelCount(options);
  const area = width * height;
  const result = new Float32Array(area * count);
  for (let channel = 0; channel < count; channel++) {
    const [subtract, divide] = [ofChannel(mean, channel, 0), ofChannel(std, channel, 1)];
    const value = channelValue(data, channel, options);
    const [start, step] = layout === 'NCHW' ? [channel * area, 1] : [channel, count];
    for (let pixel = 0; pixel < area; pixel++)
      result[start + pixel * step] = (value(pixel) * scale - subtract) / divide;
  }
  return result;
}

const ofChannel = (values: readonly number[] | undefined, channel: number, byDefault: number): number =>
  values?.[channel] ?? values?.[0] ?? byDefault;

/** Of a pixel, by its number. */
function channelValue(
  data: Float32Array,
  channel: number,
  { channels = 'RGB' }: Preprocess,
): (pixel: number) => number {
  if (channels === 'Gray') return (pixel) => grey(data, pixel * 3);
  const source = SOURCES[channels][channel] ?? 0;
  return (pixel) => data[pixel * 3 + source] ?? 0;
}

const grey = (data: Float32Array, at: number): number =>
  (data[at] ?? 0) * GREY[0] + (data[at + 1] ?? 0) * GREY[1] + (data[at + 2] ?? 0) * GREY[2];
