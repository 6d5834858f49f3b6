import type { Operator } from '../autodiff/operator.ts';
import { reducedShape, unreduce } from '../autodiff/reduce.ts';

export const reduceSum: Operator = {
  type: 'ReduceSum',
  infer: (node) => [reducedShape(node)],
  gradient: ({ node, outputGradient, writer }) => [unreduce(node, writer, outputGradient), undefined],
};
