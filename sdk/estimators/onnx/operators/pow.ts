import { broadcastShapes, sumTo } from '../autodiff/broadcast.ts';
import type { Operator } from '../autodiff/operator.ts';
import { int } from '../graph/attributes.ts';
import { DataType } from '../proto/types.ts';

export const pow: Operator = {
  type: 'Pow',
  fixed: [1],
  infer: (node) => [broadcastShapes(node, node.inputShape(0), node.inputShape(1))],
  /**
   * dX = dY E X^(E - 1). Where E is 0 any finite power will do, which X^-1 at 0 is not. The exponent may be of another type
   * than the base (opset 12); what is computed from it has the base's.
   */
  gradient: ({ node, outputGradient, outputShape, writer }) => {
    const [x = '', given = ''] = node.inputs;
    const exponent = writer.emit('Cast', [given], { to: int(DataType.float32) });
    const zero = writer.scalar(0);
    const less = writer.emit('Sub', [exponent, writer.scalar(1)]);
    const finite = writer.emit('Where', [writer.emit('Equal', [exponent, zero]), zero, less]);
    const lower = writer.emit('Pow', [x, finite]);
    const slope = writer.emit('Mul', [lower, exponent]);
    const product = writer.emit('Mul', [outputGradient, slope]);
    return [sumTo(writer, product, outputShape, node.inputShape(0)), undefined];
  },
};
