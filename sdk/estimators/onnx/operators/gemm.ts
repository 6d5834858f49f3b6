import { sumTo } from '../autodiff/broadcast.ts';
import type { GradientContext, NodeView, Operator } from '../autodiff/operator.ts';
import { float, floatAttribute, int, intAttribute } from '../graph/attributes.ts';

/** Y = alpha * op(A) op(B) + beta * C, where op transposes if transA / transB is set. */
export const gemm: Operator = {
  type: 'Gemm',
  infer: (node) => {
    const { transA, transB } = settings(node);
    const [a0 = 0, a1 = 0] = node.inputShape(0);
    const [b0 = 0, b1 = 0] = node.inputShape(1);
    const inner = [transA ? a0 : a1, transB ? b1 : b0];
    if (inner[0] !== inner[1]) {
      throw node.refuse(`inner dimensions differ: A is [${node.inputShape(0)}], B is [${node.inputShape(1)}]`);
    }
    return [[transA ? a1 : a0, transB ? b0 : b1]];
  },
  gradient: (context) => {
    const { node, outputGradient, outputShape, writer, needs } = context;
    const gradients = [
      needs(0) ? gradientOfA(context) : undefined,
      needs(1) ? gradientOfB(context) : undefined,
      undefined as string | undefined,
    ];
    if (needs(2)) {
      const summed = sumTo(writer, outputGradient, outputShape, node.inputShape(2));
      const { beta } = settings(node);
      gradients[2] = beta === 1 ? summed : writer.emit('Mul', [summed, writer.scalar(beta)]);
    }
    return gradients;
  },
};

function settings(node: NodeView) {
  return {
    alpha: floatAttribute(node.proto, 'alpha', 1),
    beta: floatAttribute(node.proto, 'beta', 1),
    transA: intAttribute(node.proto, 'transA', 0),
    transB: intAttribute(node.proto, 'transB', 0),
  };
}

/** dA = alpha dY op(B)^T, transposed once more where A itself is. */
function gradientOfA({ node, outputGradient, writer }: GradientContext): string {
  const { alpha, transA, transB } = settings(node);
  const b = node.inputs[1] ?? '';
  return transA
    ? writer.emit('Gemm', [b, outputGradient], { alpha: float(alpha), transA: int(transB), transB: int(1) })
    : writer.emit('Gemm', [outputGradient, b], { alpha: float(alpha), transB: int(1 - transB) });
}

/** dB = alpha op(A)^T dY, transposed once more where B itself is. */
function gradientOfB({ node, outputGradient, writer }: GradientContext): string {
  const { alpha, transA, transB } = settings(node);
  const a = node.inputs[0] ?? '';
  return transB
    ? writer.emit('Gemm', [outputGradient, a], { alpha: float(alpha), transA: int(1), transB: int(transA) })
    : writer.emit('Gemm', [a, outputGradient], { alpha: float(alpha), transA: int(1 - transA) });
}
