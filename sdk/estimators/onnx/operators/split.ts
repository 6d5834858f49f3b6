import type { NodeView, Operator } from '../autodiff/operator.ts';
import { int, intAttribute } from '../graph/attributes.ts';
import { normalizeAxis } from '../graph/shape.ts';
import type { Shape } from '../graph/shape.ts';

export const split: Operator = {
  type: 'Split',
  infer: (node) => parts(node),
  /** The gradients of the parts one behind the other, zeros for parts that nothing uses. */
  gradient: ({ node, gradientOf, writer }) => {
    const pieces = parts(node).map(
      (shape, i) => gradientOf(i) ?? writer.emit('Expand', [writer.scalar(0), writer.ints(shape)]),
    );
    return [writer.emit('Concat', pieces, { axis: int(axisOf(node)) })];
  },
};

function parts(node: NodeView): Shape[] {
  const shape = node.inputShape(0);
  const axis = axisOf(node);
  const length = shape[axis] ?? 0;
  const count = intAttribute(node.proto, 'num_outputs', node.outputs.length);
  const chunk = Math.ceil(length / count);
  const sizes = node.has(1)
    ? node.intConstant(1)
    : Array.from({ length: count }, (_, i) => Math.min(chunk, length - i * chunk));
  if (sizes.reduce((sum, size) => sum + size, 0) !== length) {
    throw node.refuse(`parts [${sizes}] do not add up to axis ${axis} of [${shape}]`);
  }
  return sizes.map((size) => shape.with(axis, size));
}

function axisOf(node: NodeView): number {
  return normalizeAxis(intAttribute(node.proto, 'axis', 0), node.inputShape(0).length);
}
