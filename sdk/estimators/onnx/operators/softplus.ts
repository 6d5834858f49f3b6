import type { Operator } from '../autodiff/operator.ts';

export const softplus: Operator = {
  type: 'Softplus',
  infer: (node) => [node.inputShape(0)],
  gradient: ({ node, outputGradient, writer }) => [
    writer.emit('Mul', [outputGradient, writer.emit('Sigmoid', [node.inputs[0] ?? ''])]),
  ],
};
