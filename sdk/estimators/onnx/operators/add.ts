import { broadcastShapes, sumTo } from '../autodiff/broadcast.ts';
import { foldElements } from '../autodiff/fold.ts';
import type { Operator } from '../autodiff/operator.ts';

export const add: Operator = {
  type: 'Add',
  infer: (node) => [broadcastShapes(node, node.inputShape(0), node.inputShape(1))],
  fold: (node) => foldElements(node, (a, b) => (a ?? 0) + (b ?? 0)),
  gradient: ({ node, outputGradient, outputShape, writer, needs }) =>
    [0, 1].map((i) => (needs(i) ? sumTo(writer, outputGradient, outputShape, node.inputShape(i)) : undefined)),
};
