import type { Operator } from '../autodiff/operator.ts';

export const exp: Operator = {
  type: 'Exp',
  infer: (node) => [node.inputShape(0)],
  gradient: ({ node, outputGradient, writer }) => [writer.emit('Mul', [outputGradient, node.outputs[0] ?? ''])],
};
