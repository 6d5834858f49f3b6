import type { Operator } from '../autodiff/operator.ts';
import { intAttribute } from '../graph/attributes.ts';
import { normalizeAxis, sizeOf } from '../graph/shape.ts';

export const flatten: Operator = {
  type: 'Flatten',
  infer: (node) => {
    const shape = node.inputShape(0);
    const axis = normalizeAxis(intAttribute(node.proto, 'axis', 1), shape.length);
    return [[sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis))]];
  },
  gradient: ({ node, outputGradient, writer }) => [
    writer.emit('Reshape', [outputGradient, writer.ints(node.inputShape(0))]),
  ],
};
