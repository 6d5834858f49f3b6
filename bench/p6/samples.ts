/** What an edge is asked in `p6`: pairs of models, and samples as tensors or as image files. */
import jpeg from 'jpeg-js';
import { encodeModel, mlp, Random } from '../../sdk/estimators/onnx/index.ts';
import { binaryOf } from '../../sdk/serving/codec/binary-tensor.ts';
import { wireType } from '../../sdk/serving/codec/element-types.ts';
import type { Tensor } from '../../sdk/tensor.ts';
import { wholeRequest } from './client.ts';
import { image, imageModel, nested, row, vector } from './workloads.ts';

export interface Sample {
  tensor: Tensor;
  /** What the original's client sends of it: nested lists in JSON. */
  lists: unknown;
}

export interface JointWorkload {
  name: string;
  /** Models whose answers are probabilities. */
  little: Uint8Array;
  big: Uint8Array;
  /** Of both. */
  signature?: { preprocess: Record<string, never> };
  sample(seed: number): Sample;
}

/** The little model is that of `vector`; the big one has two layers of 1024. */
export const jointVector = (): JointWorkload => ({
  name: 'joint, vector of 128',
  little: vector().model,
  big: encodeModel(mlp({ inputs: 128, hidden: [1024, 1024], outputs: 10, seed: 2 })),
  sample: (seed) => numbers([128], seed),
});

/** The big model has four times the filters. */
const images = { little: imageModel(8).softmax().toBytes(), big: imageModel(32).softmax().toBytes() };

export const jointImage = (): JointWorkload => ({
  name: 'joint, image of 3 × 224 × 224',
  ...images,
  sample: (seed) => numbers(image().shape, seed),
});

export const jointFile = (): JointWorkload => ({
  name: 'joint, JPEG file of 224 × 224',
  ...images,
  signature: { preprocess: {} },
  sample: file,
});

function numbers(shape: number[], seed: number): Sample {
  const data = row({ shape }, seed);
  return { tensor: { datatype: 'float32', shape: [1, ...shape], data }, lists: nested(Array.from(data), shape) };
}

/** A made-up picture: soft spots on a gradient, and the noise of a camera. The original's client sends its pixels. */
function file(seed: number): Sample {
  const [side, random] = [224, new Random(seed)];
  const spots = Array.from({ length: 24 }, () => Array.from({ length: 6 }, () => random.uniform()));
  const light = (x: number, y: number, channel: number): number =>
    spots.reduce((sum, [cx = 0, cy = 0, size = 0, ...colour]) => {
      const distance = ((x - cx) ** 2 + (y - cy) ** 2) / (0.002 + 0.02 * size);
      return distance > 9 ? sum : sum + 120 * (colour[channel] ?? 0) * Math.exp(-distance);
    }, 0);
  const pixels = Buffer.alloc(side * side * 4, 255);
  for (let pixel = 0; pixel < side * side; pixel++) {
    const [x, y] = [(pixel % side) / side, Math.floor(pixel / side) / side];
    for (let channel = 0; channel < 3; channel++) {
      pixels[pixel * 4 + channel] = Math.min(255, 80 * x + 40 * y + light(x, y, channel) + 16 * random.uniform());
    }
  }
  const { data } = jpeg.encode({ data: pixels, width: side, height: side }, 85);
  const colours = Array.from(pixels).filter((_, i) => i % 4 < 3);
  return { tensor: { datatype: 'string', shape: [1], data: [data] }, lists: nested(colours, [side, side, 3]) };
}

/** The whole request to a model, in binary. */
export function binaryRequest(model: string, input: string, tensor: Tensor): Buffer {
  const bytes = binaryOf(tensor);
  const { shape, datatype } = tensor;
  const one = { name: input, shape, datatype: wireType(datatype), parameters: { binary_data_size: bytes.byteLength } };
  const header = Buffer.from(JSON.stringify({ parameters: { binary_data_output: true }, inputs: [one] }));
  return wholeRequest(`/v2/models/${model}/infer`, Buffer.concat([header, bytes]), {
    'inference-header-content-length': String(header.byteLength),
  });
}
