import type { Operator } from '../autodiff/operator.ts';

export const reciprocal: Operator = {
  type: 'Reciprocal',
  infer: (node) => [node.inputShape(0)],
  /** dX = -dY Y^2. */
  gradient: ({ node, outputGradient, writer }) => {
    const y = node.outputs[0] ?? '';
    return [writer.emit('Neg', [writer.emit('Mul', [outputGradient, writer.emit('Mul', [y, y])])])];
  },
};
