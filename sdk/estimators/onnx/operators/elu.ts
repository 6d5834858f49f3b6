import type { Operator } from '../autodiff/operator.ts';
import { floatAttribute } from '../graph/attributes.ts';

export const elu: Operator = {
  type: 'Elu',
  infer: (node) => [node.inputShape(0)],
  /** Left of zero Y = alpha (exp X - 1), so that the slope is Y + alpha. */
  gradient: ({ node, outputGradient, writer }) => {
    const alpha = writer.scalar(floatAttribute(node.proto, 'alpha', 1));
    const positive = writer.emit('Greater', [node.inputs[0] ?? '', writer.scalar(0)]);
    const left = writer.emit('Mul', [outputGradient, writer.emit('Add', [node.outputs[0] ?? '', alpha])]);
    return [writer.emit('Where', [positive, outputGradient, left])];
  },
};
