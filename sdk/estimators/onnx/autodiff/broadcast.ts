import { int } from '../graph/attributes.ts';
import { sameShape } from '../graph/shape.ts';
import type { Shape } from '../graph/shape.ts';
import type { GraphWriter } from '../graph/writer.ts';
import type { NodeView } from './operator.ts';

/** Shape of an element-wise result under ONNX's (NumPy's) multidirectional broadcasting. */
export function broadcastShapes(node: NodeView, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) throw node.refuse(`shapes [${a}] and [${b}] do not broadcast`);
    return x === 1 ? y : x;
  });
}

/** Undoes a broadcast in a gradient: sums over the axes along which a value of shape `to` was repeated. */
export function sumTo(writer: GraphWriter, gradient: string, from: Shape, to: Shape): string {
  if (sameShape(from, to)) return gradient;
  const lead = from.length - to.length;
  const axes = from.flatMap((dim, i) => (i < lead || (to[i - lead] === 1 && dim !== 1) ? [i] : []));
  const summed = axes.length ? writer.emit('ReduceSum', [gradient, writer.ints(axes)], { keepdims: int(1) }) : gradient;
  return lead > 0 ? writer.emit('Reshape', [summed, writer.ints(to)]) : summed;
}
