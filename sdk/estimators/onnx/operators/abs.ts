import type { Operator } from '../autodiff/operator.ts';

export const abs: Operator = {
  type: 'Abs',
  infer: (node) => [node.inputShape(0)],
  gradient: ({ node, outputGradient, writer }) => [
    writer.emit('Mul', [outputGradient, writer.emit('Sign', [node.inputs[0] ?? ''])]),
  ],
};
