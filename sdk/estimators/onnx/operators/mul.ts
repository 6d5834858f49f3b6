import { broadcastShapes, sumTo } from '../autodiff/broadcast.ts';
import { foldElements } from '../autodiff/fold.ts';
import type { Operator } from '../autodiff/operator.ts';

export const mul: Operator = {
  type: 'Mul',
  infer: (node) => [broadcastShapes(node, node.inputShape(0), node.inputShape(1))],
  fold: (node) => foldElements(node, (a, b) => (a ?? 0) * (b ?? 0)),
  gradient: ({ node, outputGradient, outputShape, writer, needs }) =>
    [0, 1].map((i) => {
      if (!needs(i)) return undefined;
      const product = writer.emit('Mul', [outputGradient, node.inputs[1 - i] ?? '']);
      return sumTo(writer, product, outputShape, node.inputShape(i));
    }),
};
