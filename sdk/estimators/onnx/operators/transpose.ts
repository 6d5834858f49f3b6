import type { NodeView, Operator } from '../autodiff/operator.ts';
import { ints, intsAttribute } from '../graph/attributes.ts';

export const transpose: Operator = {
  type: 'Transpose',
  infer: (node) => {
    const shape = node.inputShape(0);
    return [permutation(node).map((axis) => shape[axis] ?? 0)];
  },
  gradient: ({ node, outputGradient, writer }) => {
    const perm = permutation(node);
    const inverse = perm.map((_, axis) => perm.indexOf(axis));
    return [writer.emit('Transpose', [outputGradient], { perm: ints(inverse) })];
  },
};

/** Default: axes in reverse. */
function permutation(node: NodeView): number[] {
  const rank = node.inputShape(0).length;
  const perm = intsAttribute(node.proto, 'perm') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
  const valid = perm.length === rank && perm.every((axis) => axis >= 0 && axis < rank) && new Set(perm).size === rank;
  if (!valid) throw node.refuse(`perm [${perm}] is no order of the ${rank} axes of its input`);
  return perm;
}
