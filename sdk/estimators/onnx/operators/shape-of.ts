import type { NodeView, Operator } from '../autodiff/operator.ts';
import { intAttribute } from '../graph/attributes.ts';
import { sizeOf } from '../graph/shape.ts';

/** The dimensions of a value, known here because a training graph has a fixed batch. */
export const shapeOf: Operator = {
  type: 'Shape',
  infer: (node) => [[dimensions(node).length]],
  fold: dimensions,
  stops: () => true,
};

export const size: Operator = {
  type: 'Size',
  infer: () => [[]],
  fold: (node) => [sizeOf(node.inputShape(0))],
  stops: () => true,
};

function dimensions(node: NodeView): readonly number[] {
  const shape = node.inputShape(0);
  const start = intAttribute(node.proto, 'start', 0);
  const end = intAttribute(node.proto, 'end', shape.length);
  return shape.slice(start, end);
}
