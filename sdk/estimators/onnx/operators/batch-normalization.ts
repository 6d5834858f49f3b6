import type { GradientContext, NodeView, Operator, Saved, TrainingContext } from '../autodiff/operator.ts';
import { floatAttribute, int } from '../graph/attributes.ts';
import { sizeOf } from '../graph/shape.ts';
import type { GraphWriter } from '../graph/writer.ts';

/**
 * Y = (X - mean) / sqrt(variance + epsilon) * scale + bias per channel of [N, C, ...] (Ioffe and Szegedy, 2015).
 * In training, mean and variance are the batch's, and the running ones move towards them by 1 - momentum, the variance as
 * unbiased estimate (PyTorch and TensorFlow do so; the ONNX text says biased). With frozen running statistics the layer
 * works as in inference; so it does where a channel has a single value (the last batch of an epoch may have one row), which
 * has no variance: it would only pull the running one towards 0.
 */
export const batchNormalization: Operator = {
  type: 'BatchNormalization',
  fixed: [3, 4],
  renewed: [3, 4],
  infer: (node) => [node.inputShape(0)],
  train: (context) => {
    const stands = context.frozen(3) || context.frozen(4) || layout(context.node).perChannel === 1;
    return stands ? undefined : trainingForm(context);
  },
  gradient: (context) => {
    const { node, outputGradient, writer, needs } = context;
    const { normal, inverse } = context.saved ?? inferenceForm(context);
    const { axes, column } = layout(node);
    const sum = (value: string) => writer.emit('ReduceSum', [value, writer.ints(axes)], { keepdims: int(0) });
    const slope = sum(writer.emit('Mul', [outputGradient, normal ?? '']));
    const total = sum(outputGradient);
    const gain = writer.emit('Mul', [
      writer.emit('Reshape', [node.inputs[1] ?? '', writer.ints(column)]),
      inverse ?? '',
    ]);
    const flow = context.saved ? centredGradient(context, { normal: normal ?? '', slope, total }) : outputGradient;
    return [needs(0) ? writer.emit('Mul', [flow, gain]) : undefined, slope, total];
  },
};

function layout(node: NodeView): { axes: number[]; column: number[]; perChannel: number } {
  const shape = node.inputShape(0);
  return {
    axes: shape.flatMap((_, i) => (i === 1 ? [] : [i])),
    column: shape.map((dim, i) => (i === 1 ? dim : 1)),
    perChannel: sizeOf(shape) / (shape[1] ?? 1),
  };
}

function trainingForm({ node, writer, renew }: TrainingContext): Saved {
  const [x = '', scale = '', bias = '', runningMean = '', runningVariance = ''] = node.inputs;
  const { axes, column, perChannel } = layout(node);
  const average = (value: string) => writer.emit('ReduceMean', [value, writer.ints(axes)], { keepdims: int(1) });
  const toColumn = (value: string) => writer.emit('Reshape', [value, writer.ints(column)]);
  const mean = average(x);
  const centred = writer.emit('Sub', [x, mean]);
  const variance = average(writer.emit('Mul', [centred, centred]));
  const spread = writer.emit('Add', [variance, writer.scalar(epsilonOf(node))]);
  const inverse = writer.emit('Reciprocal', [writer.emit('Sqrt', [spread])]);
  const normal = writer.emit('Mul', [centred, inverse]);
  writer.define(node.outputs[0] ?? '', 'Add', [writer.emit('Mul', [normal, toColumn(scale)]), toColumn(bias)]);
  const momentum = floatAttribute(node.proto, 'momentum', 0.9);
  const unbias = perChannel / (perChannel - 1);
  renew(3, blend(writer, runningMean, mean, { keep: momentum, take: 1 - momentum }));
  renew(4, blend(writer, runningVariance, variance, { keep: momentum, take: (1 - momentum) * unbias }));
  return { normal, inverse };
}

function blend(writer: GraphWriter, running: string, batch: string, { keep, take }: { keep: number; take: number }) {
  const flat = writer.emit('Reshape', [batch, writer.ints([-1])]);
  const moved = writer.emit('Mul', [flat, writer.scalar(take)]);
  return writer.emit('Add', [writer.emit('Mul', [running, writer.scalar(keep)]), moved]);
}

/** The normalised input and 1 / deviation of a layer whose statistics stand still. */
function inferenceForm({ node, writer }: GradientContext): Saved {
  const [x = '', , , mean = '', variance = ''] = node.inputs;
  const { column } = layout(node);
  const spread = writer.emit('Add', [variance, writer.scalar(epsilonOf(node))]);
  const deviation = writer.emit('Reshape', [writer.emit('Sqrt', [spread]), writer.ints(column)]);
  const inverse = writer.emit('Reciprocal', [deviation]);
  const centred = writer.emit('Sub', [x, writer.emit('Reshape', [mean, writer.ints(column)])]);
  return { normal: writer.emit('Mul', [centred, inverse]), inverse };
}

/** dY without what moves the batch's own mean and variance: dY - (sum(dY) + normal sum(dY normal)) / count. */
function centredGradient(
  { node, outputGradient, writer }: GradientContext,
  { normal, slope, total }: { normal: string; slope: string; total: string },
): string {
  const { column, perChannel } = layout(node);
  const share = (value: string) =>
    writer.emit('Reshape', [writer.emit('Mul', [value, writer.scalar(1 / perChannel)]), writer.ints(column)]);
  const drift = writer.emit('Add', [writer.emit('Mul', [normal, share(slope)]), share(total)]);
  return writer.emit('Sub', [outputGradient, drift]);
}

function epsilonOf(node: NodeView): number {
  return floatAttribute(node.proto, 'epsilon', 1e-5);
}
