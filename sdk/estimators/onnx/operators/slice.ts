import type { NodeView, Operator } from '../autodiff/operator.ts';
import { int, string } from '../graph/attributes.ts';
import { normalizeAxis } from '../graph/shape.ts';
import type { Shape } from '../graph/shape.ts';
import type { GraphWriter } from '../graph/writer.ts';

/** What a slice takes of one axis: `count` elements from `start` on, `step` apart. */
interface Range {
  start: number;
  step: number;
  count: number;
}

export const slice: Operator = {
  type: 'Slice',
  infer: (node) => [ranges(node).map(({ count }) => count)],
  fold: (node) => {
    const values = node.known(0);
    const [range] = ranges(node);
    if (!values || !range || node.inputShape(0).length !== 1) return undefined;
    return Array.from({ length: range.count }, (_, i) => values[range.start + i * range.step] ?? 0);
  },
  /** The gradient back at its place, zeros around it. */
  gradient: ({ node, outputGradient, writer }) => {
    const shape = node.inputShape(0);
    const taken = ranges(node);
    if (taken.every(({ step }) => step === 1)) {
      const begins = taken.map(({ start }) => start);
      const ends = taken.map(({ start, count }, axis) => (shape[axis] ?? 0) - start - count);
      return [writer.emit('Pad', [outputGradient, writer.ints([...begins, ...ends])])];
    }
    const filled = taken.map(({ count }) => count);
    let gradient = outputGradient;
    for (const [axis, range] of taken.entries()) {
      if (range.step === 1 && range.count === shape[axis]) continue;
      filled[axis] = shape[axis] ?? 0;
      gradient = place(writer, gradient, { range, axis, shape: [...filled] });
    }
    return [gradient];
  },
};

/** Spreads the gradient along one axis: element i goes to start + i step. */
function place(
  writer: GraphWriter,
  gradient: string,
  { range, axis, shape }: { range: Range; axis: number; shape: Shape },
) {
  const { start, step, count } = range;
  const positions = Array.from({ length: count }, (_, i) => start + i * step);
  const column = shape.map((_, i) => (i === axis ? count : 1));
  const indices = writer.emit('Expand', [
    writer.emit('Reshape', [writer.ints(positions), writer.ints(column)]),
    writer.ints(shape.with(axis, count)),
  ]);
  const zeros = writer.emit('Expand', [writer.scalar(0), writer.ints(shape)]);
  return writer.emit('ScatterElements', [zeros, indices, gradient], { axis: int(axis), reduction: string('none') });
}

function ranges(node: NodeView): Range[] {
  const shape = node.inputShape(0);
  const starts = node.intConstant(1);
  const ends = node.intConstant(2);
  const axes = node.has(3) ? node.intConstant(3) : starts.map((_, i) => i);
  const steps = node.has(4) ? node.intConstant(4) : starts.map(() => 1);
  const result: Range[] = shape.map((count) => ({ start: 0, step: 1, count }));
  axes.forEach((axis, i) => {
    const at = normalizeAxis(axis, shape.length);
    result[at] = resolve(shape[at] ?? 0, { start: starts[i] ?? 0, end: ends[i] ?? 0, step: steps[i] ?? 1 });
  });
  return result;
}

/** Python's rules: negative positions count from the end, and what is outside is cut off. */
function resolve(length: number, { start, end, step }: { start: number; end: number; step: number }): Range {
  const wrap = (position: number) => (position < 0 ? position + length : position);
  const [low, high] = step > 0 ? [0, length] : [-1, length - 1];
  const clamp = (position: number) => Math.min(Math.max(position, low), high);
  const from = clamp(wrap(start));
  return { start: from, step, count: Math.max(0, Math.ceil((clamp(wrap(end)) - from) / step)) };
}
