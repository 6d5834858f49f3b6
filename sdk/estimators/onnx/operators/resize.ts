import { nearestIndices } from '../autodiff/nearest.ts';
import type { NodeView, Operator } from '../autodiff/operator.ts';
import { stringAttribute } from '../graph/attributes.ts';
import { sameShape } from '../graph/shape.ts';
import type { Shape } from '../graph/shape.ts';

/** Resizes the two last axes of [N, C, H, W] by taking the nearest element. */
export const resize: Operator = {
  type: 'Resize',
  fixed: [1, 2],
  infer: (node) => [outputShape(node)],
  /** Rows and columns are picked independently: dX = R^T dY C, with the 0/1 matrices that pick them. */
  gradient: ({ node, outputGradient, writer }) => {
    const [from, to] = [node.inputShape(0), outputShape(node)];
    if (stringAttribute(node.proto, 'mode', 'nearest') !== 'nearest' || from.length !== 4) {
      throw node.refuse('has a gradient only in mode nearest on [N, C, H, W]');
    }
    if (!sameShape(from.slice(0, 2), to.slice(0, 2))) throw node.refuse('has no gradient where it resizes N or C');
    const columns = writer.floats(picks(node, 3, false), [to[3] ?? 0, from[3] ?? 0]);
    const rows = writer.floats(picks(node, 2, true), [from[2] ?? 0, to[2] ?? 0]);
    return [writer.emit('MatMul', [rows, writer.emit('MatMul', [outputGradient, columns])])];
  },
};

function outputShape(node: NodeView): Shape {
  const from = node.inputShape(0);
  if (node.has(3)) return node.intConstant(3);
  if (!node.has(2)) throw node.refuse('gives neither scales nor sizes');
  const scales = node.floatConstant(2);
  return from.map((dim, i) => Math.floor(dim * (scales[i] ?? 1)));
}

/** The matrix [output, input] (or its transpose) with a 1 where an output takes its value. */
function picks(node: NodeView, axis: number, transposed: boolean): number[] {
  const [input, output] = [node.inputShape(0)[axis] ?? 0, outputShape(node)[axis] ?? 0];
  const scale = node.has(3) ? output / input : (node.floatConstant(2)[axis] ?? 1);
  const sources = nearestIndices(node, { input, output, scale });
  const matrix = new Array<number>(input * output).fill(0);
  sources.forEach((source, o) => (matrix[transposed ? source * output + o : o * input + source] = 1));
  return matrix;
}
