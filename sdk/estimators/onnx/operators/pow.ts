import { broadcastShapes, sumTo } from '../autodiff/broadcast.ts';
import type { Operator } from '../autodiff/operator.ts';

export const pow: Operator = {
  type: 'Pow',
  fixed: [1],
  infer: (node) => [broadcastShapes(node, node.inputShape(0), node.inputShape(1))],
  /** dX = dY E X^(E - 1). */
  gradient: ({ node, outputGradient, outputShape, writer }) => {
    const [x = '', exponent = ''] = node.inputs;
    const lower = writer.emit('Pow', [x, writer.emit('Sub', [exponent, writer.scalar(1)])]);
    const slope = writer.emit('Mul', [lower, exponent]);
    const product = writer.emit('Mul', [outputGradient, slope]);
    return [sumTo(writer, product, outputShape, node.inputShape(0)), undefined];
  },
};
