/** Tensors as nested lists, as Sedna's big-model service has them. Pure. */
import type { Tensor, TensorInfo } from '../../tensor.ts';
import { InferenceError } from '../errors.ts';
import type { ServedInput } from '../served-model.ts';
import { wireType } from './element-types.ts';
import { bindInputs } from './bind-inputs.ts';
import { decodeTensor, encodeTensor, MAX_RANK } from './json-tensor.ts';
import { fileOfPixels } from './pixels.ts';

export interface ListFeeds {
  feeds: Record<string, Tensor>;
  /** The list was one row of what the model takes: so is the answer. */
  isRow: boolean;
}

/**
 * One nested list for the only input of a model: all of its dimensions, or all but the first. An input that takes files takes the pixels of one image
 * as well: what the original's workers send. Refuses what does not fit, by the input's name.
 */
export function feedsOf(data: readonly unknown[], inputs: readonly ServedInput[]): ListFeeds {
  const [input] = inputs;
  if (!input || inputs.length > 1) {
    const names = inputs.map(({ name }) => name).join(', ');
    throw new InferenceError(400, `the model has the inputs ${names}: one list cannot feed them; use /v2/models`);
  }
  const shape = shapeOf(data, input.name);
  const file = input.binary ? fileOfPixels(data, shape) : undefined;
  if (file) return { feeds: { [input.name]: { datatype: 'string', shape: [1], data: [file] } }, isRow: true };
  const { datatype, shape: declared } = input.or && shape.length > 1 ? input.or : input;
  const isRow = shape.length === declared.length - 1;
  const given = { name: input.name, shape: isRow ? [1, ...shape] : shape, datatype: wireType(datatype), data };
  const feeds = bindInputs(inputs, [given], (tensor, { binary }) => decodeTensor({ ...tensor, binary }));
  return { feeds, isRow };
}

function shapeOf(data: readonly unknown[], name: string): number[] {
  const shape: number[] = [];
  for (let items: unknown = data; Array.isArray(items); items = items[0] as unknown) {
    shape.push(items.length);
    if (shape.length > MAX_RANK)
      throw new InferenceError(400, `input "${name}": is nested deeper than ${MAX_RANK} levels`);
  }
  if (!isRegular(data, shape, 0)) throw new InferenceError(400, `input "${name}": lists of one level differ in length`);
  return shape;
}

function isRegular(items: readonly unknown[], shape: readonly number[], level: number): boolean {
  if (items.length !== shape[level]) return false;
  const isLast = level === shape.length - 1;
  return items.every((item) => {
    return isLast ? !Array.isArray(item) : Array.isArray(item) && isRegular(item, shape, level + 1);
  });
}

/** The outputs as nested lists: of a model with one output its own, of one that finds boxes those that it found, else a list of them in their order. */
export function listOf(outputs: Record<string, Tensor>, isRow: boolean): unknown[] {
  const { boxes, count } = outputs;
  if (boxes && count && Object.keys(outputs).length === 2) return foundBoxes(boxes, count, isRow);
  const lists = Object.entries(outputs).map(([name, tensor]) => {
    const flat = encodeTensor(name, tensor).data;
    const hasRow = isRow && tensor.shape[0] === 1;
    return nest(flat, hasRow ? tensor.shape.slice(1) : tensor.shape);
  });
  const [only] = lists;
  return lists.length === 1 && Array.isArray(only) ? (only as unknown[]) : lists;
}

function foundBoxes(boxes: Tensor, count: Tensor, isRow: boolean): unknown[] {
  const images = nest(Array.from(boxes.data), boxes.shape) as unknown[][];
  const found = images.map((rows, i) => rows.slice(0, Number(count.data[i])));
  return isRow && found.length === 1 ? (found[0] as unknown[]) : found;
}

/** The other way: a nested list as the outputs that `listOf` makes it of, by their declarations. Refuses what does not fit, by the output's name. */
export function outputsOf(list: unknown, outputs: readonly TensorInfo[]): Record<string, Tensor> {
  const lists = outputs.length === 1 ? [list] : areBoxes(outputs) ? padded(list, outputs[0]) : list;
  if (!Array.isArray(lists) || lists.length !== outputs.length) {
    throw new InferenceError(
      400,
      `is no list of ${outputs.length} outputs: ${outputs.map(({ name }) => name).join(', ')}`,
    );
  }
  return Object.fromEntries(outputs.map((output, i) => [output.name, outputOf(lists[i] as unknown, output)]));
}

const areBoxes = ([boxes, count, ...others]: readonly TensorInfo[]): boolean =>
  boxes?.name === 'boxes' && count?.name === 'count' && others.length === 0;

/** The boxes of one image, as many as there are places for, and their number. */
function padded(list: unknown, boxes: TensorInfo | undefined): unknown {
  const [, places, size] = boxes?.shape ?? [];
  if (!Array.isArray(list) || typeof places !== 'number' || typeof size !== 'number') return list;
  const found = list.slice(0, places) as unknown[];
  const nothing = [...Array<number>(size - 1).fill(0), -1];
  return [[...found, ...Array<unknown>(places - found.length).fill(nothing)], found.length];
}

function outputOf(list: unknown, { name, datatype, shape: declared }: TensorInfo): Tensor {
  const data = Array.isArray(list) ? list : [list];
  try {
    const given = shapeOf(data, name);
    const shape = given.length === declared.length - 1 ? [1, ...given] : given;
    return decodeTensor({ name, shape, datatype: wireType(datatype), data });
  } catch (error) {
    // What reads it knows inputs alone.
    if (error instanceof InferenceError) throw new InferenceError(400, error.message.replace(/^input/, 'output'));
    throw error;
  }
}

function nest(flat: readonly unknown[], shape: readonly number[]): unknown {
  const [size, ...rest] = shape;
  if (size === undefined) return flat[0];
  if (rest.length === 0) return flat;
  const step = flat.length / size;
  return Array.from({ length: size }, (_, i) => nest(flat.slice(i * step, (i + 1) * step), rest));
}
