import type { Operator } from '../autodiff/operator.ts';
import { int, intAttribute } from '../graph/attributes.ts';
import { normalizeAxis } from '../graph/shape.ts';

export const logSoftmax: Operator = {
  type: 'LogSoftmax',
  infer: (node) => [node.inputShape(0)],
  /** dX = dY - softmax(X) sum(dY) along the axis. */
  gradient: ({ node, outputGradient, outputShape, writer }) => {
    const axis = normalizeAxis(intAttribute(node.proto, 'axis', -1), outputShape.length);
    const total = writer.emit('ReduceSum', [outputGradient, writer.ints([axis])], { keepdims: int(1) });
    const softmax = writer.emit('Exp', [node.outputs[0] ?? '']);
    return [writer.emit('Sub', [outputGradient, writer.emit('Mul', [softmax, total])])];
  },
};
