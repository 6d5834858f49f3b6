import type { NodeView, Operator } from '../autodiff/operator.ts';
import { stringAttribute } from '../graph/attributes.ts';
import { normalizeAxis } from '../graph/shape.ts';

export const pad: Operator = {
  type: 'Pad',
  fixed: [2],
  infer: (node) => {
    const { begins, ends } = padding(node);
    return [node.inputShape(0).map((dim, i) => dim + (begins[i] ?? 0) + (ends[i] ?? 0))];
  },
  gradient: ({ node, outputGradient, writer }) => {
    const { begins, ends } = padding(node);
    if (stringAttribute(node.proto, 'mode', 'constant') !== 'constant' || [...begins, ...ends].some((n) => n < 0)) {
      throw node.refuse('has a gradient only in mode constant with paddings from 0 up');
    }
    const stops = node.inputShape(0).map((dim, i) => dim + (begins[i] ?? 0));
    return [writer.emit('Slice', [outputGradient, writer.ints(begins), writer.ints(stops)])];
  },
};

function padding(node: NodeView): { begins: number[]; ends: number[] } {
  const rank = node.inputShape(0).length;
  const pads = node.intConstant(1);
  const axes = node.has(3) ? node.intConstant(3) : Array.from({ length: rank }, (_, i) => i);
  const [begins, ends] = [new Array<number>(rank).fill(0), new Array<number>(rank).fill(0)];
  axes.forEach((axis, i) => {
    begins[normalizeAxis(axis, rank)] = pads[i] ?? 0;
    ends[normalizeAxis(axis, rank)] = pads[i + axes.length] ?? 0;
  });
  return { begins, ends };
}
