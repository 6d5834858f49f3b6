import type { Operator } from '../autodiff/operator.ts';

export const tanh: Operator = {
  type: 'Tanh',
  infer: (node) => [node.inputShape(0)],
  gradient: ({ node, outputGradient, writer }) => {
    const y = node.outputs[0] ?? '';
    const slope = writer.emit('Sub', [writer.scalar(1), writer.emit('Mul', [y, y])]);
    return [writer.emit('Mul', [outputGradient, slope])];
  },
};
