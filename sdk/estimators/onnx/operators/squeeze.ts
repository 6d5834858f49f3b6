import { keepKnown } from '../autodiff/fold.ts';
import type { Operator } from '../autodiff/operator.ts';
import { normalizeAxis } from '../graph/shape.ts';

export const squeeze: Operator = {
  type: 'Squeeze',
  infer: (node) => {
    const shape = node.inputShape(0);
    const axes = node.has(1) ? node.intConstant(1) : shape.flatMap((dim, i) => (dim === 1 ? [i] : []));
    const gone = axes.map((axis) => normalizeAxis(axis, shape.length));
    const wide = gone.find((axis) => shape[axis] !== 1);
    if (wide !== undefined) throw node.refuse(`axis ${wide} of [${shape}] is not of size 1`);
    return [shape.filter((_, i) => !gone.includes(i))];
  },
  fold: keepKnown,
  gradient: ({ node, outputGradient, writer }) => [
    writer.emit('Reshape', [outputGradient, writer.ints(node.inputShape(0))]),
  ],
};
