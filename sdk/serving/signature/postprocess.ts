import type { BoxOptions, Postprocess } from '../../../crds/lib/signature.ts';
import type { Tensor, TensorInfo } from '../../tensor.ts';
import { decodeBoxes } from './boxes.ts';
import type { Box } from './non-maximum-suppression.ts';
import type { Placement } from './image.ts';
import { softmax } from './softmax.ts';
import { topK } from './top-k.ts';

/** x1, y1, x2, y2, score, class. */
const BOX_VALUES = 6;
const DEFAULT_BOXES = 100;

export interface Seen {
  /** Of each image, where images came in. */
  placements?: readonly Placement[];
  /** What the model saw. */
  height: number;
  width: number;
}

/** The outputs after it, by their descriptions before it. */
export function outputsAfter(outputs: readonly TensorInfo[], options: Postprocess): TensorInfo[] {
  const output = outputIn(outputs, options);
  if (!output) return [...outputs];
  const rest = outputs.filter(({ name }) => name !== output.name);
  const [rows = 'N'] = output.shape;
  const info = (name: string, datatype: TensorInfo['datatype'], ...shape: number[]): TensorInfo => {
    return { name, datatype, shape: [rows, ...shape] };
  };
  const { boxes, topK: k, labels } = options;
  if (boxes) {
    return [info('boxes', 'float32', boxes.maxBoxes ?? DEFAULT_BOXES, BOX_VALUES), info('count', 'int32'), ...rest];
  }
  if (k === undefined) return [...outputs];
  const top = [info('scores', 'float32', k), info('classes', 'int64', k)];
  return [...top, ...(labels ? [info('labels', 'string', k)] : []), ...rest];
}

/** The output that it works on: the one that is named, or the only one. */
export function outputIn(outputs: readonly TensorInfo[], { output }: Postprocess): TensorInfo | undefined {
  return output === undefined ? outputs[0] : outputs.find(({ name }) => name === output);
}

/** @param name of the output to work on. */
export function postprocess(
  outputs: Record<string, Tensor>,
  name: string,
  { options, seen }: { options: Postprocess; seen: Seen },
): Record<string, Tensor> {
  const { [name]: given, ...rest } = outputs;
  if (!given) return outputs;
  const { boxes, topK: k } = options;
  const tensor = options.softmax ? softened(given) : given;
  if (boxes) return { ...boxTensors(tensor, boxes, seen), ...rest };
  if (k === undefined) return { [name]: tensor, ...rest };
  return { ...topTensors(tensor, k, options.labels), ...rest };
}

const numbersOf = ({ data }: Tensor): ArrayLike<number> => data as ArrayLike<number>;
const lastOf = ({ shape }: Tensor): number => shape.at(-1) ?? 1;

function softened(tensor: Tensor): Tensor {
  return { datatype: 'float32', shape: tensor.shape, data: softmax(numbersOf(tensor), lastOf(tensor)) };
}

function topTensors(tensor: Tensor, wanted: number, labels: readonly string[] | undefined): Record<string, Tensor> {
  const size = lastOf(tensor);
  const k = Math.min(wanted, size);
  const { scores, classes } = topK(numbersOf(tensor), size, k);
  const shape = [...tensor.shape.slice(0, -1), k];
  return {
    scores: { datatype: 'float32', shape, data: scores },
    classes: { datatype: 'int64', shape, data: classes },
    ...(labels && {
      labels: { datatype: 'string' as const, shape, data: Array.from(classes, (index) => labels[Number(index)] ?? '') },
    }),
  };
}

/** Rows of boxes have one length: those that are left are 0, their class -1, and `count` says how many there are. */
function boxTensors(tensor: Tensor, options: BoxOptions, seen: Seen): Record<string, Tensor> {
  const { maxBoxes = DEFAULT_BOXES, transposed = false } = options;
  const [images = 0, a = 0, b = 0] = tensor.shape;
  const [count, size] = transposed ? [b, a] : [a, b];
  const values = numbersOf(tensor) as Float32Array;
  const found = new Float32Array(images * maxBoxes * BOX_VALUES);
  const counts = new Int32Array(images);
  for (let image = 0; image < images; image++) {
    const data = values.subarray(image * count * size, (image + 1) * count * size);
    const candidates = { data, count, size, height: seen.height, width: seen.width };
    const boxes = decodeBoxes(candidates, options, seen.placements?.[image]);
    counts[image] = boxes.length;
    found.set(rowsOf(boxes, maxBoxes), image * maxBoxes * BOX_VALUES);
  }
  return {
    boxes: { datatype: 'float32', shape: [images, maxBoxes, BOX_VALUES], data: found },
    count: { datatype: 'int32', shape: [images], data: counts },
  };
}

function rowsOf(boxes: readonly Box[], count: number): number[] {
  const nothing = [0, 0, 0, 0, 0, -1];
  return Array.from({ length: count }, (_, i) => {
    const box = boxes[i];
    return box ? [box.x1, box.y1, box.x2, box.y2, box.score, box.label] : nothing;
  }).flat();
}
