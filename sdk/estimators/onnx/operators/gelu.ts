import type { GradientContext, Operator } from '../autodiff/operator.ts';
import { stringAttribute } from '../graph/attributes.ts';

/** Gaussian error linear unit (Hendrycks and Gimpel, 2016): X times the normal distribution function, exact or by tanh. */
export const gelu: Operator = {
  type: 'Gelu',
  infer: (node) => [node.inputShape(0)],
  gradient: (context) => {
    const { node, outputGradient, writer } = context;
    const slope =
      stringAttribute(node.proto, 'approximate', 'none') === 'tanh' ? tanhSlope(context) : exactSlope(context);
    return [writer.emit('Mul', [outputGradient, slope])];
  },
};

/** P(X) + X p(X), with P and p the normal distribution and density. */
function exactSlope({ node, writer }: GradientContext): string {
  const x = node.inputs[0] ?? '';
  const error = writer.emit('Erf', [writer.emit('Mul', [x, writer.scalar(Math.SQRT1_2)])]);
  const distribution = halfOfOnePlus(writer, error);
  const bell = writer.emit('Exp', [writer.emit('Mul', [writer.emit('Mul', [x, x]), writer.scalar(-0.5)])]);
  const density = writer.emit('Mul', [bell, writer.scalar(1 / Math.sqrt(2 * Math.PI))]);
  return writer.emit('Add', [distribution, writer.emit('Mul', [x, density])]);
}

/** With u = k (X + c X^3) and t = tanh u: (1 + t) / 2 + X (1 - t^2) k (1 + 3 c X^2) / 2. */
function tanhSlope({ node, writer }: GradientContext): string {
  const x = node.inputs[0] ?? '';
  const [k, c] = [Math.sqrt(2 / Math.PI), 0.044715];
  const square = writer.emit('Mul', [x, x]);
  const inner = writer.emit('Add', [writer.emit('Mul', [square, writer.scalar(k * c)]), writer.scalar(k)]);
  const t = writer.emit('Tanh', [writer.emit('Mul', [x, inner])]);
  const rise = writer.emit('Sub', [writer.scalar(1), writer.emit('Mul', [t, t])]);
  const steep = writer.emit('Add', [writer.emit('Mul', [square, writer.scalar(1.5 * k * c)]), writer.scalar(0.5 * k)]);
  const curved = writer.emit('Mul', [writer.emit('Mul', [x, steep]), rise]);
  return writer.emit('Add', [halfOfOnePlus(writer, t), curved]);
}

function halfOfOnePlus(writer: GradientContext['writer'], value: string): string {
  return writer.emit('Add', [writer.emit('Mul', [value, writer.scalar(0.5)]), writer.scalar(0.5)]);
}
