import type { Preprocess } from '../../../crds/lib/signature.ts';
import type { Tensor, TensorInfo } from '../../tensor.ts';
import { decodeImage } from './decode-image.ts';
import { ImageError, type Placement } from './image.ts';
import { channelCount, normalise } from './normalise.ts';
import { resize, unchanged, type Resized } from './resize.ts';

export interface Prepared {
  tensor: Tensor;
  /** Of each image. */
  placements: Placement[];
}

/** Height and width of what the model sees: as declared, `undefined` where it takes any. */
export function targetSize(
  { shape }: TensorInfo,
  { layout = 'NCHW', resize: wanted }: Preprocess,
): { height: number; width: number } | undefined {
  if (wanted) return wanted;
  const [height, width] = layout === 'NCHW' ? shape.slice(2, 4) : shape.slice(1, 3);
  const isFixed = (size: unknown): size is number => typeof size === 'number' && size > 0;
  return isFixed(height) && isFixed(width) ? { height, width } : undefined;
}

/** Images as the tensor that the model takes. Refuses, by the image's number, what is none. */
export function preprocess(files: readonly Uint8Array[], input: TensorInfo, options: Preprocess): Prepared {
  const size = targetSize(input, options);
  const images = files.map((file, i) => prepare(file, i, size && { ...options.resize, ...size }));
  const [first] = images;
  const { height = 0, width = 0 } = first?.pixels ?? size ?? {};
  const odd = images.findIndex(({ pixels }) => pixels.height !== height || pixels.width !== width);
  if (odd >= 0) throw new ImageError(`image ${odd} has another size than the first; declare preprocess.resize`);
  const channels = channelCount(options);
  const perImage = height * width * channels;
  const data = new Float32Array(images.length * perImage);
  images.forEach(({ pixels }, i) => data.set(normalise(pixels, options), i * perImage));
  const { layout = 'NCHW' } = options;
  const rest = layout === 'NCHW' ? [channels, height, width] : [height, width, channels];
  const tensor: Tensor = { datatype: 'float32', shape: [images.length, ...rest], data };
  return { tensor: typed(tensor, input), placements: images.map(({ placement }) => placement) };
}

function prepare(file: Uint8Array, index: number, size: Parameters<typeof resize>[1] | undefined): Resized {
  try {
    const image = decodeImage(file);
    return size ? resize(image, size) : unchanged(image);
  } catch (error) {
    if (error instanceof ImageError) throw new ImageError(`image ${index} ${error.message}`);
    throw error;
  }
}

/** Models of quantised or raw pixels take bytes; the values are rounded and cut. */
function typed(tensor: Tensor, { datatype, name }: TensorInfo): Tensor {
  if (datatype === 'float32') return tensor;
  if (datatype === 'uint8') {
    const bytes = Uint8ClampedArray.from(tensor.data as Float32Array);
    return { ...tensor, datatype, data: new Uint8Array(bytes.buffer) };
  }
  throw new ImageError(`cannot become ${datatype}, which input "${name}" takes; float32 and uint8 can`);
}
