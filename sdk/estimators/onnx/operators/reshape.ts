import { keepKnown } from '../autodiff/fold.ts';
import type { NodeView, Operator } from '../autodiff/operator.ts';
import { intAttribute } from '../graph/attributes.ts';
import { sizeOf } from '../graph/shape.ts';
import type { Shape } from '../graph/shape.ts';

export const reshape: Operator = {
  type: 'Reshape',
  infer: (node) => [resolve(node)],
  fold: keepKnown,
  gradient: ({ node, outputGradient, writer }) => [
    writer.emit('Reshape', [outputGradient, writer.ints(node.inputShape(0))]),
    undefined,
  ],
};

/** Fills in 0 (as in the input, unless `allowzero`) and -1 (whatever is left). */
function resolve(node: NodeView): Shape {
  const from = node.inputShape(0);
  const wanted = node.intConstant(1);
  const keepZero = intAttribute(node.proto, 'allowzero', 0) === 1;
  const dims = wanted.map((dim, i) => (dim === 0 && !keepZero ? (from[i] ?? 0) : dim));
  const known = sizeOf(dims.filter((dim) => dim !== -1));
  const shape = dims.map((dim) => (dim === -1 ? sizeOf(from) / known : dim));
  if (sizeOf(shape) !== sizeOf(from) || !shape.every(Number.isInteger)) {
    throw node.refuse(`cannot reshape [${from}] to [${wanted}]; leave the batch dimension open with -1 or 0`);
  }
  return shape;
}
