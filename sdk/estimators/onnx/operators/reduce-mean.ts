import type { Operator } from '../autodiff/operator.ts';
import { reducedShape, unreduce } from '../autodiff/reduce.ts';
import { sizeOf } from '../graph/shape.ts';

export const reduceMean: Operator = {
  type: 'ReduceMean',
  infer: (node) => [reducedShape(node)],
  gradient: ({ node, outputGradient, outputShape, writer }) => {
    const share = sizeOf(outputShape) / sizeOf(node.inputShape(0));
    return [unreduce(node, writer, writer.emit('Mul', [outputGradient, writer.scalar(share)])), undefined];
  },
};
