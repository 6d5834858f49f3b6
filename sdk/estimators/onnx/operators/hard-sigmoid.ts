import { maskOf } from '../autodiff/mask.ts';
import type { Operator } from '../autodiff/operator.ts';
import { floatAttribute } from '../graph/attributes.ts';

/** Y = max(0, min(1, alpha X + beta)). */
export const hardSigmoid: Operator = {
  type: 'HardSigmoid',
  infer: (node) => [node.inputShape(0)],
  gradient: ({ node, outputGradient, writer }) => {
    const y = node.outputs[0] ?? '';
    const above = writer.emit('Greater', [y, writer.scalar(0)]);
    const inside = writer.emit('And', [above, writer.emit('Less', [y, writer.scalar(1)])]);
    const alpha = writer.scalar(floatAttribute(node.proto, 'alpha', 0.2));
    return [writer.emit('Mul', [outputGradient, writer.emit('Mul', [maskOf(writer, inside), alpha])])];
  },
};
