import type { Operator } from '../autodiff/operator.ts';
import { int } from '../graph/attributes.ts';
import { DataType } from '../proto/types.ts';

export const relu: Operator = {
  type: 'Relu',
  infer: (node) => [node.inputShape(0)],
  /** A comparison and a cast give the 0/1 mask in half the time of Sign. */
  gradient: ({ node, outputGradient, writer }) => {
    const positive = writer.emit('Greater', [node.outputs[0] ?? '', writer.scalar(0)]);
    return [writer.emit('Mul', [outputGradient, writer.emit('Cast', [positive], { to: int(DataType.float32) })])];
  },
};
