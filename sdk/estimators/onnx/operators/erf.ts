import type { Operator } from '../autodiff/operator.ts';

export const erf: Operator = {
  type: 'Erf',
  infer: (node) => [node.inputShape(0)],
  /** dX = dY 2 / sqrt(pi) exp(-X^2). */
  gradient: ({ node, outputGradient, writer }) => {
    const x = node.inputs[0] ?? '';
    const bell = writer.emit('Exp', [writer.emit('Neg', [writer.emit('Mul', [x, x])])]);
    const slope = writer.emit('Mul', [bell, writer.scalar(2 / Math.sqrt(Math.PI))]);
    return [writer.emit('Mul', [outputGradient, slope])];
  },
};
