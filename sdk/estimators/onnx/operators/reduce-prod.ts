import type { Operator } from '../autodiff/operator.ts';
import { reducedShape } from '../autodiff/reduce.ts';

/** In exported graphs it counts elements of a shape; it has no gradient. */
export const reduceProd: Operator = {
  type: 'ReduceProd',
  infer: (node) => [reducedShape(node)],
  fold: (node) => {
    const values = node.known(0);
    return values && node.inputShape(0).length === 1
      ? [values.reduce((product, value) => product * value, 1)]
      : undefined;
  },
};
