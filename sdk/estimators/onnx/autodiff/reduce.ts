import { intAttribute } from '../graph/attributes.ts';
import { normalizeAxis } from '../graph/shape.ts';
import type { Shape } from '../graph/shape.ts';
import type { GraphWriter } from '../graph/writer.ts';
import type { NodeView } from './operator.ts';

/** Axes that a reduction sums over, in the input; without axes all, unless the node says that none means nothing to do. */
function reducedAxes(node: NodeView): number[] {
  const rank = node.inputShape(0).length;
  const axes = node.has(1) ? node.intConstant(1) : [];
  if (axes.length > 0) return axes.map((axis) => normalizeAxis(axis, rank));
  const nothing = intAttribute(node.proto, 'noop_with_empty_axes', 0) === 1;
  return nothing ? [] : Array.from({ length: rank }, (_, i) => i);
}

export function reducedShape(node: NodeView): Shape {
  const kept = keptShape(node);
  if (intAttribute(node.proto, 'keepdims', 1) === 1) return kept;
  const axes = reducedAxes(node);
  return kept.filter((_, i) => !axes.includes(i));
}

/** The output's shape with reduced axes kept as 1. */
function keptShape(node: NodeView): Shape {
  const axes = reducedAxes(node);
  return node.inputShape(0).map((dim, i) => (axes.includes(i) ? 1 : dim));
}

/** The adjoint of summing: repeats the gradient along the reduced axes. */
export function unreduce(node: NodeView, writer: GraphWriter, gradient: string): string {
  const kept = writer.emit('Reshape', [gradient, writer.ints(keptShape(node))]);
  return writer.emit('Expand', [kept, writer.ints(node.inputShape(0))]);
}
