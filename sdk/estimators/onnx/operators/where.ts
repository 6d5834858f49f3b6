import { broadcastShapes, sumTo } from '../autodiff/broadcast.ts';
import { foldElements } from '../autodiff/fold.ts';
import type { Operator } from '../autodiff/operator.ts';

/** Takes A where the condition holds, else B; exporters mask attention with it. */
export const where: Operator = {
  type: 'Where',
  infer: (node) => {
    const values = broadcastShapes(node, node.inputShape(1), node.inputShape(2));
    return [broadcastShapes(node, node.inputShape(0), values)];
  },
  fold: (node) => foldElements(node, (condition, a, b) => (condition ? (a ?? 0) : (b ?? 0))),
  gradient: ({ node, outputGradient, outputShape, writer, needs }) => {
    const condition = node.inputs[0] ?? '';
    const zero = writer.scalar(0);
    const taken = needs(1) ? writer.emit('Where', [condition, outputGradient, zero]) : undefined;
    const left = needs(2) ? writer.emit('Where', [condition, zero, outputGradient]) : undefined;
    return [
      undefined,
      taken === undefined ? undefined : sumTo(writer, taken, outputShape, node.inputShape(1)),
      left === undefined ? undefined : sumTo(writer, left, outputShape, node.inputShape(2)),
    ];
  },
};
