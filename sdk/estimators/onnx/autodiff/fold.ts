import { sizeOf } from '../graph/shape.ts';
import type { Shape } from '../graph/shape.ts';
import { broadcastShapes } from './broadcast.ts';
import type { NodeView } from './operator.ts';

/** Values that are longer are no shapes: they are left to the runtime. */
export const FOLD_LIMIT = 1024;

/** An element-wise operation on known integers with broadcasting; undefined if one input is not known. */
export function foldElements(node: NodeView, operation: (...values: number[]) => number): number[] | undefined {
  const operands: { values: readonly number[]; shape: Shape }[] = [];
  for (let i = 0; i < node.inputs.length; i++) {
    const values = node.known(i);
    if (!values) return undefined;
    operands.push({ values, shape: node.inputShape(i) });
  }
  const shape = operands.reduce<Shape>((joined, operand) => broadcastShapes(node, joined, operand.shape), []);
  if (sizeOf(shape) > FOLD_LIMIT) return undefined;
  return Array.from({ length: sizeOf(shape) }, (_, flat) =>
    operation(...operands.map(({ values, shape: own }) => values[broadcastIndex(flat, shape, own)] ?? 0)),
  );
}

/** The known values as they are, for operators that only rearrange dimensions of size 1. */
export function keepKnown(node: NodeView): readonly number[] | undefined {
  return node.known(0);
}

/** Position in an operand of shape `own` of the element at `flat` of the broadcast `shape`. */
function broadcastIndex(flat: number, shape: Shape, own: Shape): number {
  let [rest, index, stride] = [flat, 0, 1];
  for (let axis = 1; axis <= shape.length; axis++) {
    const size = shape[shape.length - axis] ?? 1;
    const dim = own[own.length - axis] ?? 1;
    if (dim > 1) index += (rest % size) * stride;
    stride *= dim;
    rest = Math.floor(rest / size);
  }
  return index;
}
