import type { Operator } from '../autodiff/operator.ts';

export const relu: Operator = {
  type: 'Relu',
  infer: (node) => [node.inputShape(0)],
  /** The output is never negative, so its sign is the 0/1 mask. */
  gradient: ({ node, outputGradient, writer }) => [
    writer.emit('Mul', [outputGradient, writer.emit('Sign', [node.outputs[0] ?? ''])]),
  ],
};
