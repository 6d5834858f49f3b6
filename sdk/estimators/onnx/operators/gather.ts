import type { NodeView, Operator } from '../autodiff/operator.ts';
import { int, intAttribute, string } from '../graph/attributes.ts';
import { normalizeAxis, sizeOf } from '../graph/shape.ts';

/** Rows (or other slices) of the data by index: an embedding when the data trains. */
export const gather: Operator = {
  type: 'Gather',
  infer: (node) => {
    const data = node.inputShape(0);
    return [data.toSpliced(axisOf(node), 1, ...node.inputShape(1))];
  },
  fold: (node) => {
    const [values, indices] = [node.known(0), node.known(1)];
    if (!values || !indices || node.inputShape(0).length !== 1) return undefined;
    return indices.map((index) => values.at(index) ?? 0);
  },
  /**
   * Each row's gradient is added to the row it came from. ScatterElements adds in order, so that rows drawn several times
   * sum up alike in every run (ScatterND may not).
   */
  gradient: ({ node, outputGradient, writer }) => {
    const data = node.inputShape(0);
    const axis = axisOf(node);
    const [before, after] = [sizeOf(data.slice(0, axis)), sizeOf(data.slice(axis + 1))];
    const count = sizeOf(node.inputShape(1));
    const rows = writer.emit('Reshape', [outputGradient, writer.ints([before, count, after])]);
    const column = writer.emit('Reshape', [node.inputs[1] ?? '', writer.ints([1, count, 1])]);
    const indices = writer.emit('Expand', [column, writer.ints([before, count, after])]);
    const zeros = writer.emit('Expand', [writer.scalar(0), writer.ints([before, data[axis] ?? 0, after])]);
    const sums = writer.emit('ScatterElements', [zeros, indices, rows], { axis: int(1), reduction: string('add') });
    return [writer.emit('Reshape', [sums, writer.ints(data)]), undefined];
  },
};

function axisOf(node: NodeView): number {
  return normalizeAxis(intAttribute(node.proto, 'axis', 0), node.inputShape(0).length);
}
