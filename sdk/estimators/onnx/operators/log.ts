import type { Operator } from '../autodiff/operator.ts';

export const log: Operator = {
  type: 'Log',
  infer: (node) => [node.inputShape(0)],
  gradient: ({ node, outputGradient, writer }) => [writer.emit('Div', [outputGradient, node.inputs[0] ?? ''])],
};
