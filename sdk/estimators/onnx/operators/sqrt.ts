import type { Operator } from '../autodiff/operator.ts';

export const sqrt: Operator = {
  type: 'Sqrt',
  infer: (node) => [node.inputShape(0)],
  /** dX = dY / (2 Y). */
  gradient: ({ node, outputGradient, writer }) => {
    const twice = writer.emit('Mul', [node.outputs[0] ?? '', writer.scalar(2)]);
    return [writer.emit('Div', [outputGradient, twice])];
  },
};
