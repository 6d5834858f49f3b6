import { broadcastShapes, sumTo } from '../autodiff/broadcast.ts';
import type { Operator } from '../autodiff/operator.ts';
import { sizeOf } from '../graph/shape.ts';

export const expand: Operator = {
  type: 'Expand',
  infer: (node) => [broadcastShapes(node, node.inputShape(0), node.intConstant(1))],
  /** A single known value repeated. */
  fold: (node) => {
    const values = node.known(0);
    if (values?.length !== 1) return undefined;
    const count = sizeOf(broadcastShapes(node, node.inputShape(0), node.intConstant(1)));
    return count <= 64 ? new Array<number>(count).fill(values[0] ?? 0) : undefined;
  },
  gradient: ({ node, outputGradient, outputShape, writer }) => [
    sumTo(writer, outputGradient, outputShape, node.inputShape(0)),
    undefined,
  ],
};
