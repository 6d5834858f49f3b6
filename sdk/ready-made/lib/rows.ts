import { InferenceError } from '../../serving/index.ts';
import { isBatchable, rowsOf, sameForm, split, stack } from '../../serving/models/batch.ts';
import type { Tensor, TensorInfo } from '../../tensor.ts';
import type { Tensors } from '../../features/joint-inference/oip-big-model.ts';

/** Samples of a request, each with a first dimension of 1; a model that takes one at a time has one. Shares the memory of `feeds`. */
export function samplesOf(feeds: Tensors, inputs: readonly TensorInfo[], outputs: readonly TensorInfo[]): Tensors[] {
  const rows = isBatchable(inputs, outputs) ? rowsOf(feeds) : undefined;
  return rows === undefined || rows < 2 ? [feeds] : split(feeds, Array<number>(rows).fill(1));
}

/** The answers to the samples of a request as one. Refuses answers of different shapes: they have no common tensor. */
export function joined(answers: readonly Tensors[]): Tensors {
  const [first = {}, ...others] = answers;
  if (others.length === 0) return first;
  if (others.every((other) => sameForm(first, other))) return stack(answers);
  throw new InferenceError(
    500,
    'the samples of this request have answers of different shapes; ask about one at a time',
  );
}

/**
 * What a miner looks at: the first tensor of one sample as nested lists, without its batch dimension; text as a list of strings. Of the
 * boxes that a signature makes, those that `count` counts.
 */
export function minerView(tensors: Tensors): unknown {
  const [first] = Object.values(tensors);
  if (first === undefined) return undefined;
  const { boxes, count } = tensors;
  if (boxes && count) return (viewOf(boxes) as unknown[]).slice(0, Number(count.data[0]));
  return viewOf(first);
}

function viewOf(first: Tensor): unknown {
  const shape = first.shape[0] === 1 && first.shape.length > 1 ? first.shape.slice(1) : first.shape;
  return nested(Array.from(first.data), shape);
}

function nested(cells: readonly unknown[], shape: readonly number[]): unknown {
  const [count = 0, ...rest] = shape;
  if (rest.length === 0) return [...cells];
  const size = cells.length / Math.max(1, count);
  return Array.from({ length: count }, (_, i) => nested(cells.slice(i * size, (i + 1) * size), rest));
}

/** The outputs of another model under the names of this one, where both have as many. */
export function renamed(outputs: Tensors, names: readonly string[]): Tensors {
  const given = Object.entries(outputs);
  if (given.length !== names.length || names.every((name) => name in outputs)) return outputs;
  return Object.fromEntries(given.map(([, tensor], i) => [names[i] as string, tensor]));
}
