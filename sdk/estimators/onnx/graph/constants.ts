import type { TensorProto } from '../proto/types.ts';
import { sizeOf } from './shape.ts';
import { tensorShape } from './tensors.ts';

/** Names that PyTorch's exporter gives to what belongs to no module. */
const ANONYMOUS = /^val_\d+$/;

/**
 * Whether an initializer is a constant of the graph (a divisor, a scale) and no parameter: exporters store both alike. Rank 0 says
 * so, and a single element under an anonymous name; a bias of one element has a name of its own.
 */
export function looksConstant(tensor: TensorProto): boolean {
  const shape = tensorShape(tensor);
  return shape.length === 0 || (sizeOf(shape) === 1 && ANONYMOUS.test(tensor.name ?? ''));
}
