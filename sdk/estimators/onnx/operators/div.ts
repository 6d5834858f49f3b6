import { broadcastShapes, sumTo } from '../autodiff/broadcast.ts';
import { foldElements } from '../autodiff/fold.ts';
import type { Operator } from '../autodiff/operator.ts';

export const div: Operator = {
  type: 'Div',
  infer: (node) => [broadcastShapes(node, node.inputShape(0), node.inputShape(1))],
  /** Only integers are known, and those are divided towards zero. */
  fold: (node) =>
    node.known(1)?.includes(0) ? undefined : foldElements(node, (a, b) => Math.trunc((a ?? 0) / (b ?? 1))),
  /** dA = dY / B, dB = -dY Y / B. */
  gradient: ({ node, outputGradient, outputShape, writer, needs }) => {
    const share = writer.emit('Div', [outputGradient, node.inputs[1] ?? '']);
    const scaled = needs(1) ? writer.emit('Neg', [writer.emit('Mul', [share, node.outputs[0] ?? ''])]) : undefined;
    return [
      needs(0) ? sumTo(writer, share, outputShape, node.inputShape(0)) : undefined,
      scaled === undefined ? undefined : sumTo(writer, scaled, outputShape, node.inputShape(1)),
    ];
  },
};
