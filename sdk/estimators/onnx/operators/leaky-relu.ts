import type { Operator } from '../autodiff/operator.ts';
import { floatAttribute } from '../graph/attributes.ts';

export const leakyRelu: Operator = {
  type: 'LeakyRelu',
  infer: (node) => [node.inputShape(0)],
  /** The input decides the side: a negative alpha makes both outputs positive. */
  gradient: ({ node, outputGradient, writer }) => {
    const alpha = writer.scalar(floatAttribute(node.proto, 'alpha', 0.01));
    const positive = writer.emit('Greater', [node.inputs[0] ?? '', writer.scalar(0)]);
    return [writer.emit('Where', [positive, outputGradient, writer.emit('Mul', [outputGradient, alpha])])];
  },
};
