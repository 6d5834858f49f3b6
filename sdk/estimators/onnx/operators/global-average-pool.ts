import type { Operator } from '../autodiff/operator.ts';
import { sizeOf } from '../graph/shape.ts';

export const globalAveragePool: Operator = {
  type: 'GlobalAveragePool',
  infer: (node) => [node.inputShape(0).map((dim, i) => (i < 2 ? dim : 1))],
  gradient: ({ node, outputGradient, writer }) => {
    const shape = node.inputShape(0);
    const share = writer.emit('Mul', [outputGradient, writer.scalar(1 / sizeOf(shape.slice(2)))]);
    return [writer.emit('Expand', [share, writer.ints(shape)])];
  },
};
