import { foldElements } from '../autodiff/fold.ts';
import type { Operator } from '../autodiff/operator.ts';

export const neg: Operator = {
  type: 'Neg',
  infer: (node) => [node.inputShape(0)],
  fold: (node) => foldElements(node, (x) => -(x ?? 0)),
  gradient: ({ outputGradient, writer }) => [writer.emit('Neg', [outputGradient])],
};
