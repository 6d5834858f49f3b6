import { broadcastShapes, sumTo } from '../autodiff/broadcast.ts';
import type { GradientContext, NodeView, Operator } from '../autodiff/operator.ts';
import { int, ints } from '../graph/attributes.ts';
import { sizeOf } from '../graph/shape.ts';
import type { Shape } from '../graph/shape.ts';
import type { GraphWriter } from '../graph/writer.ts';

export const matMul: Operator = {
  type: 'MatMul',
  infer: (node) => {
    const { a, b, batch } = operands(node);
    const whole = [...batch, a.at(-2) ?? 1, b.at(-1) ?? 1];
    if (node.inputShape(1).length === 1) whole.pop();
    if (node.inputShape(0).length === 1) whole.splice(batch.length, 1);
    return [whole];
  },
  gradient: (context) => {
    const { node, writer, needs } = context;
    const { a, b, batch } = operands(node);
    const full = [...batch, a.at(-2) ?? 1, b.at(-1) ?? 1];
    const dY = reshaped(writer, context.outputGradient, context.outputShape, full);
    const sides = { context, a, b, batch, dY };
    return [needs(0) ? gradientOfA(sides) : undefined, needs(1) ? gradientOfB(sides) : undefined];
  },
};

interface Sides {
  context: GradientContext;
  /** Operand shapes with vectors seen as matrices. */
  a: Shape;
  b: Shape;
  batch: Shape;
  dY: string;
}

function operands(node: NodeView): { a: Shape; b: Shape; batch: Shape } {
  const [left, right] = [node.inputShape(0), node.inputShape(1)];
  const a = left.length === 1 ? [1, ...left] : left;
  const b = right.length === 1 ? [...right, 1] : right;
  if (a.at(-1) !== b.at(-2)) throw node.refuse(`inner dimensions of [${left}] and [${right}] differ`);
  return { a, b, batch: broadcastShapes(node, a.slice(0, -2), b.slice(0, -2)) };
}

/** dA = dY B^T, summed over broadcast batches. */
function gradientOfA({ context: { node, writer }, a, b, batch, dY }: Sides): string {
  const other = reshaped(writer, node.inputs[1] ?? '', node.inputShape(1), b);
  const whole = [...batch, a.at(-2) ?? 1, a.at(-1) ?? 1];
  const product =
    whole.length === 2
      ? writer.emit('Gemm', [dY, other], { transB: int(1) })
      : writer.emit('MatMul', [dY, transposed(writer, other, b.length)]);
  return reshaped(writer, sumTo(writer, product, whole, a), a, node.inputShape(0));
}

/** dB = A^T dY, summed over broadcast batches; one product over all rows when B is a plain matrix. */
function gradientOfB({ context: { node, writer }, a, b, batch, dY }: Sides): string {
  const other = reshaped(writer, node.inputs[0] ?? '', node.inputShape(0), a);
  if (b.length === 2) {
    const rows = sizeOf(a.slice(0, -1));
    const [k = 1, n = 1] = b;
    const flatA = reshaped(writer, other, a, [rows, k]);
    const flatY = reshaped(writer, dY, [...batch, a.at(-2) ?? 1, n], [rows, n]);
    return reshaped(writer, writer.emit('Gemm', [flatA, flatY], { transA: int(1) }), b, node.inputShape(1));
  }
  const whole = [...batch, b.at(-2) ?? 1, b.at(-1) ?? 1];
  const product = writer.emit('MatMul', [transposed(writer, other, a.length), dY]);
  return sumTo(writer, product, whole, b);
}

function reshaped(writer: GraphWriter, value: string, from: Shape, to: Shape): string {
  return from.length === to.length && from.every((dim, i) => dim === to[i])
    ? value
    : writer.emit('Reshape', [value, writer.ints(to)]);
}

function transposed(writer: GraphWriter, value: string, rank: number): string {
  const axes = Array.from({ length: rank }, (_, i) => i);
  axes.splice(rank - 2, 2, rank - 1, rank - 2);
  return writer.emit('Transpose', [value], { perm: ints(axes) });
}
