import type { Operator } from '../autodiff/operator.ts';
import { int, intAttribute } from '../graph/attributes.ts';

/** The upper or lower triangle, zeros elsewhere; causal masks are made with it. */
export const trilu: Operator = {
  type: 'Trilu',
  fixed: [1],
  infer: (node) => [node.inputShape(0)],
  gradient: ({ node, outputGradient, writer }) => {
    const inputs = node.has(1) ? [outputGradient, node.inputs[1] ?? ''] : [outputGradient];
    return [writer.emit('Trilu', inputs, { upper: int(intAttribute(node.proto, 'upper', 1)) }), undefined];
  },
};
