import { keepKnown } from '../autodiff/fold.ts';
import type { Operator } from '../autodiff/operator.ts';
import { normalizeAxis } from '../graph/shape.ts';

export const unsqueeze: Operator = {
  type: 'Unsqueeze',
  infer: (node) => {
    const rest = [...node.inputShape(0)];
    const axes = node.intConstant(1);
    const rank = rest.length + axes.length;
    const added = new Set(axes.map((axis) => normalizeAxis(axis, rank)));
    return [Array.from({ length: rank }, (_, i) => (added.has(i) ? 1 : (rest.shift() ?? 1)))];
  },
  fold: keepKnown,
  gradient: ({ node, outputGradient, writer }) => [
    writer.emit('Reshape', [outputGradient, writer.ints(node.inputShape(0))]),
  ],
};
