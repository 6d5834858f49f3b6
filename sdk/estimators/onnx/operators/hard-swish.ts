import type { Operator } from '../autodiff/operator.ts';

/** Y = X max(0, min(1, X / 6 + 1/2)) (Howard et al., 2019): slope 0 below -3, 1 above 3, X / 3 + 1/2 between. */
export const hardSwish: Operator = {
  type: 'HardSwish',
  infer: (node) => [node.inputShape(0)],
  gradient: ({ node, outputGradient, writer }) => {
    const x = node.inputs[0] ?? '';
    const line = writer.emit('Add', [writer.emit('Mul', [x, writer.scalar(1 / 3)]), writer.scalar(0.5)]);
    const low = writer.emit('Where', [writer.emit('Less', [x, writer.scalar(-3)]), writer.scalar(0), line]);
    const slope = writer.emit('Where', [writer.emit('Greater', [x, writer.scalar(3)]), writer.scalar(1), low]);
    return [writer.emit('Mul', [outputGradient, slope])];
  },
};
