import { sumTo } from '../autodiff/broadcast.ts';
import type { GradientContext, NodeView, Operator } from '../autodiff/operator.ts';
import { int, intAttribute } from '../graph/attributes.ts';
import { normalizeAxis, sizeOf } from '../graph/shape.ts';

/** Y = (X - mean) / deviation * scale + bias, over the axes from `axis` on (Ba et al., 2016). */
export const layerNormalization: Operator = {
  type: 'LayerNormalization',
  infer: (node) => {
    const shape = node.inputShape(0);
    const first = axisOf(node);
    const reduced = shape.map((dim, i) => (i < first ? dim : 1));
    return [shape, reduced, reduced];
  },
  gradient: (context) => {
    const { node, outputGradient, outputShape, writer, needs, requestOutput } = context;
    const centred = writer.emit('Sub', [node.inputs[0] ?? '', requestOutput(1)]);
    const normal = writer.emit('Mul', [centred, requestOutput(2)]);
    const slope = needs(1) ? writer.emit('Mul', [outputGradient, normal]) : '';
    return [
      needs(0) ? gradientOfInput(context, normal) : undefined,
      needs(1) ? sumTo(writer, slope, outputShape, node.inputShape(1)) : undefined,
      needs(2) ? sumTo(writer, outputGradient, outputShape, node.inputShape(2)) : undefined,
    ];
  },
};

/** With G = dY scale: dX = (G - mean(G) - normal mean(G normal)) / deviation. */
function gradientOfInput(
  { node, outputGradient, outputShape, writer, requestOutput }: GradientContext,
  normal: string,
) {
  const axes = outputShape.flatMap((_, i) => (i >= axisOf(node) ? [i] : []));
  const count = sizeOf(outputShape.slice(axisOf(node)));
  const mean = (value: string) => {
    const sum = writer.emit('ReduceSum', [value, writer.ints(axes)], { keepdims: int(1) });
    return writer.emit('Mul', [sum, writer.scalar(1 / count)]);
  };
  const g = writer.emit('Mul', [outputGradient, node.inputs[1] ?? '']);
  const drift = writer.emit('Mul', [normal, mean(writer.emit('Mul', [g, normal]))]);
  const rest = writer.emit('Sub', [writer.emit('Sub', [g, mean(g)]), drift]);
  return writer.emit('Mul', [rest, requestOutput(2)]);
}

function axisOf(node: NodeView): number {
  return normalizeAxis(intAttribute(node.proto, 'axis', -1), node.inputShape(0).length);
}
