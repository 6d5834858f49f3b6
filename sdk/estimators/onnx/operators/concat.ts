import type { NodeView, Operator } from '../autodiff/operator.ts';
import { intAttribute } from '../graph/attributes.ts';
import { normalizeAxis, sameShape } from '../graph/shape.ts';

export const concat: Operator = {
  type: 'Concat',
  infer: (node) => {
    const axis = axisOf(node);
    const shapes = node.inputs.map((_, i) => node.inputShape(i));
    const [first = []] = shapes;
    const other = shapes.find((shape) => !sameShape(shape.toSpliced(axis, 1), first.toSpliced(axis, 1)));
    if (other) throw node.refuse(`shapes [${first}] and [${other}] differ outside of axis ${axis}`);
    const total = shapes.reduce((sum, shape) => sum + (shape[axis] ?? 0), 0);
    return [first.with(axis, total)];
  },
  fold: (node) => {
    if (node.inputShape(0).length !== 1) return undefined;
    const parts = node.inputs.map((_, i) => node.known(i));
    return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
  },
  gradient: ({ node, outputGradient, writer, needs }) => {
    const axis = axisOf(node);
    let start = 0;
    return node.inputs.map((_, i) => {
      const from = start;
      start += node.inputShape(i)[axis] ?? 0;
      if (!needs(i)) return undefined;
      return writer.emit('Slice', [outputGradient, writer.ints([from]), writer.ints([start]), writer.ints([axis])]);
    });
  },
};

function axisOf(node: NodeView): number {
  return normalizeAxis(intAttribute(node.proto, 'axis', 0), node.inputShape(0).length);
}
