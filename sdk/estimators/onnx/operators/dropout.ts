import { maskOf } from '../autodiff/mask.ts';
import type { NodeView, Operator } from '../autodiff/operator.ts';
import { seededBits } from '../autodiff/seeded-bits.ts';
import { sizeOf } from '../graph/shape.ts';

/**
 * In training each element is zeroed with probability `ratio` and the others grow by 1 / (1 - ratio) (Srivastava et al., 2014);
 * otherwise nothing happens. What is dropped depends on the step's seed alone: a resumed training drops the same.
 */
export const dropout: Operator = {
  type: 'Dropout',
  fixed: [1, 2],
  infer: (node) => [node.inputShape(0), node.inputShape(0)],
  train: ({ node, writer, seed }) => {
    const ratio = ratioOf(node);
    if (ratio === 0) return undefined;
    const shape = node.inputShape(0);
    const bits = seededBits(writer, seed(), sizeOf(shape));
    // The bits are an int32 of any sign: the share `ratio` of them is below this.
    const kept = writer.emit('GreaterOrEqual', [bits, writer.int32(Math.round((ratio - 0.5) * 2 ** 32))]);
    const scaled = writer.emit('Mul', [maskOf(writer, kept), writer.scalar(1 / (1 - ratio))]);
    const mask = writer.emit('Reshape', [scaled, writer.ints(shape)]);
    writer.define(node.outputs[0] ?? '', 'Mul', [node.inputs[0] ?? '', mask]);
    return { mask };
  },
  gradient: ({ outputGradient, writer, saved }) => [
    saved?.mask === undefined ? outputGradient : writer.emit('Mul', [outputGradient, saved.mask]),
  ],
};

function ratioOf(node: NodeView): number {
  const ratio = node.has(1) ? (node.floatConstant(1)[0] ?? 0.5) : 0.5;
  if (ratio >= 0 && ratio < 1) return ratio;
  throw node.refuse(`ratio ${ratio} is not in [0, 1)`);
}
