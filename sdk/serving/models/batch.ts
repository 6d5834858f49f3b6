/** Rows of several requests as one, and its answer as theirs. Pure. */
import type { Tensor, TensorInfo } from '../../tensor.ts';
import { bytesPerElement, elementsOf, numbersIn } from '../codec/element-types.ts';
import { InferenceError } from '../errors.ts';

type Tensors = Readonly<Record<string, Tensor>>;

/** Whether rows of different requests may run together: the first dimension of every input and output takes any size. */
export function isBatchable(inputs: readonly TensorInfo[], outputs: readonly TensorInfo[]): boolean {
  const isOpen = ({ shape: [first] }: TensorInfo): boolean =>
    typeof first === 'string' || (typeof first === 'number' && first < 0);
  return inputs.length > 0 && [...inputs, ...outputs].every(isOpen);
}

/** Rows of a request: the first dimension of all its inputs; `undefined` where they differ, so that it runs alone. */
export function rowsOf(feeds: Tensors): number | undefined {
  let rows: number | undefined;
  for (const name in feeds) {
    const first = feeds[name]?.shape[0];
    if (first === undefined || (rows !== undefined && first !== rows)) return undefined;
    rows = first;
  }
  return rows;
}

/** Whether two requests differ in nothing but their rows. */
export function sameForm(a: Tensors, b: Tensors): boolean {
  for (const name in a) if (!sameRows(a[name], b[name])) return false;
  return true;
}

function sameRows(one: Tensor | undefined, other: Tensor | undefined): boolean {
  if (!one || !other || one.datatype !== other.datatype || one.shape.length !== other.shape.length) return false;
  for (let axis = 1; axis < one.shape.length; axis++) if (one.shape[axis] !== other.shape[axis]) return false;
  return true;
}

/** The rows of all, in their order. They must have the same form. */
export function stack(all: readonly Tensors[]): Record<string, Tensor> {
  const [first = {}] = all;
  return Object.fromEntries(
    Object.keys(first).map((name) => [name, concat(all.map((feeds) => feeds[name] as Tensor))]),
  );
}

function concat(tensors: readonly Tensor[]): Tensor {
  const [{ datatype, shape }] = tensors as [Tensor];
  const rows = tensors.reduce((sum, tensor) => sum + (tensor.shape[0] ?? 0), 0);
  const stacked = { datatype, shape: [rows, ...shape.slice(1)] };
  if (datatype === 'string') return { ...stacked, data: tensors.flatMap(({ data }) => Array.from(data)) };
  const bytes = new Uint8Array(elementsOf(stacked.shape) * bytesPerElement(datatype));
  const data = numbersIn(datatype, bytes);
  let at = 0;
  for (const tensor of tensors) {
    (data as Float32Array).set(tensor.data as Float32Array, at);
    at += tensor.data.length;
  }
  return { ...stacked, data };
}

/** Each request's rows of the outputs, as views. Refuses an output that has not one row for each row of the inputs. */
export function split(outputs: Tensors, rows: readonly number[]): Record<string, Tensor>[] {
  const total = rows.reduce((sum, count) => sum + count, 0);
  for (const [name, { shape }] of Object.entries(outputs)) {
    if (shape[0] === total) continue;
    const problem = `output "${name}" has ${shape[0]} rows for ${total} of the inputs: turn batching off for this model`;
    throw new InferenceError(500, problem, { reason: 'BACKEND' });
  }
  let from = 0;
  return rows.map((count) => {
    const part = Object.entries(outputs).map(([name, tensor]) => [name, rowsFrom(tensor, from, count)] as const);
    from += count;
    return Object.fromEntries(part);
  });
}

function rowsFrom({ datatype, shape, data }: Tensor, from: number, count: number): Tensor {
  const size = elementsOf(shape.slice(1));
  const [start, end] = [from * size, (from + count) * size];
  const part = Array.isArray(data)
    ? (data as unknown[]).slice(start, end)
    : (data as Float32Array).subarray(start, end);
  return { datatype, shape: [count, ...shape.slice(1)], data: part };
}
