import type { Tensor, TensorInfo } from '../../tensor.ts';
import type { ServedInput } from '../served-model.ts';
import { badInput } from './bad-input.ts';
import { wireType } from './element-types.ts';

/** An input as a request gives it, before its values are read. */
export interface GivenInput {
  name: string;
  shape: number[];
  datatype: string;
}

/**
 * Feeds of a request, checked against the model's inputs so that a model sees only what it declared: no unknown, missing or repeated
 * input, type and shape as declared. `read` gets the values of one that fits.
 */
export function bindInputs<T extends GivenInput>(
  inputs: readonly ServedInput[],
  given: readonly T[],
  read: (input: T, declared: TensorInfo & { binary?: boolean }) => Tensor,
): Record<string, Tensor> {
  const feeds = new Map<string, Tensor>();
  for (const tensor of given) {
    const info = inputs.find(({ name }) => name === tensor.name);
    if (!info) {
      throw badInput(tensor.name, `the model has no such input; it has: ${inputs.map(({ name }) => name).join(', ')}`);
    }
    if (feeds.has(tensor.name)) throw badInput(tensor.name, 'is given twice');
    feeds.set(tensor.name, read(tensor, fitting(info, tensor)));
  }
  const missing = inputs.find(({ name }) => !feeds.has(name));
  if (missing) throw badInput(missing.name, `is missing; expected ${expected(missing)}`);
  return Object.fromEntries(feeds);
}

/** The declaration that the tensor fits: the input's own, or what it takes instead. */
function fitting(info: ServedInput, { shape, datatype }: GivenInput): TensorInfo & { binary?: boolean } {
  const declared = [info, ...(info.or ? [info.or] : [])].filter((one) => datatype === wireType(one.datatype));
  if (declared.length === 0) throw badInput(info.name, `is ${datatype}; expected ${expected(info)}`);
  const found = declared.find((one) => fitsShape(one, shape));
  if (!found) throw badInput(info.name, `has shape [${shape.join(', ')}]; expected ${expected(info)}`);
  return found;
}

const fitsShape = (info: TensorInfo, shape: number[]): boolean =>
  shape.length === info.shape.length && info.shape.every((size, i) => isOpen(size) || size === shape[i]);

const isOpen = (size: number | string): boolean => typeof size === 'string' || size < 0;

/** Shape as the protocol writes it: -1 for a dimension of any size. */
export const wireShape = (shape: TensorInfo['shape']): number[] =>
  shape.map((size) => (isOpen(size) ? -1 : Number(size)));

const expected = (info: ServedInput): string =>
  [info, ...(info.or ? [info.or] : [])]
    .map(({ datatype, shape }) => `${wireType(datatype)} of shape [${wireShape(shape).join(', ')}]`)
    .join(' or ');
