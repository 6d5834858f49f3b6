import type { Operator } from '../autodiff/operator.ts';
import { int, intAttribute } from '../graph/attributes.ts';
import { normalizeAxis } from '../graph/shape.ts';

export const softmax: Operator = {
  type: 'Softmax',
  infer: (node) => [node.inputShape(0)],
  /** dX = Y * (dY - sum(dY * Y)) along the axis. */
  gradient: ({ node, outputGradient, outputShape, writer }) => {
    const y = node.outputs[0] ?? '';
    const axis = normalizeAxis(intAttribute(node.proto, 'axis', -1), outputShape.length);
    const weighted = writer.emit('Mul', [outputGradient, y]);
    const total = writer.emit('ReduceSum', [weighted, writer.ints([axis])], { keepdims: int(1) });
    return [writer.emit('Mul', [y, writer.emit('Sub', [outputGradient, total])])];
  },
};
