import type { Operator } from '../autodiff/operator.ts';

export const sigmoid: Operator = {
  type: 'Sigmoid',
  infer: (node) => [node.inputShape(0)],
  gradient: ({ node, outputGradient, writer }) => {
    const y = node.outputs[0] ?? '';
    const slope = writer.emit('Mul', [y, writer.emit('Sub', [writer.scalar(1), y])]);
    return [writer.emit('Mul', [outputGradient, slope])];
  },
};
