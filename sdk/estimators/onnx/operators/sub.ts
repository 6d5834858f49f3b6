import { broadcastShapes, sumTo } from '../autodiff/broadcast.ts';
import { foldElements } from '../autodiff/fold.ts';
import type { Operator } from '../autodiff/operator.ts';

export const sub: Operator = {
  type: 'Sub',
  infer: (node) => [broadcastShapes(node, node.inputShape(0), node.inputShape(1))],
  fold: (node) => foldElements(node, (a, b) => (a ?? 0) - (b ?? 0)),
  gradient: ({ node, outputGradient, outputShape, writer, needs }) => [
    needs(0) ? sumTo(writer, outputGradient, outputShape, node.inputShape(0)) : undefined,
    needs(1) ? writer.emit('Neg', [sumTo(writer, outputGradient, outputShape, node.inputShape(1))]) : undefined,
  ],
};
