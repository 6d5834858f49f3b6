import { keepKnown } from '../autodiff/fold.ts';
import type { Operator } from '../autodiff/operator.ts';

export const identity: Operator = {
  type: 'Identity',
  infer: (node) => [node.inputShape(0)],
  fold: keepKnown,
  gradient: ({ outputGradient }) => [outputGradient],
};
