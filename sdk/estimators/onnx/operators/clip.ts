import { maskOf } from '../autodiff/mask.ts';
import type { Operator } from '../autodiff/operator.ts';

export const clip: Operator = {
  type: 'Clip',
  fixed: [1, 2],
  infer: (node) => [node.inputShape(0)],
  /** Strictly inside the bounds the slope is 1, on them it is 0 (as ReLU, which is Clip from 0, has it at 0). */
  gradient: ({ node, outputGradient, writer }) => {
    const y = node.outputs[0] ?? '';
    const [, low = '', high = ''] = node.inputs;
    const checks = [
      ...(node.has(1) ? [writer.emit('Greater', [y, low])] : []),
      ...(node.has(2) ? [writer.emit('Less', [y, high])] : []),
    ];
    const [first, second] = checks;
    if (first === undefined) return [outputGradient];
    const inside = second === undefined ? first : writer.emit('And', [first, second]);
    return [writer.emit('Mul', [outputGradient, maskOf(writer, inside)])];
  },
};
