import type { GradientContext, NodeView, Operator } from '../autodiff/operator.ts';
import { windowAxes, windowOutput, windowPads } from '../autodiff/window.ts';
import type { WindowAxis } from '../autodiff/window.ts';
import { int, intAttribute, ints, intsAttribute, string } from '../graph/attributes.ts';
import { sizeOf } from '../graph/shape.ts';

type Windows = readonly [WindowAxis, WindowAxis];

export const maxPool: Operator = {
  type: 'MaxPool',
  infer: (node) => {
    const shape = [...node.inputShape(0).slice(0, 2), ...windowOutput(windowsOf(node))];
    return [shape, shape];
  },
  /** Each gradient goes to the element that won its window; the Indices output says which. */
  gradient: (context) => {
    if (intAttribute(context.node.proto, 'storage_order', 0) !== 0) {
      throw context.node.refuse('no gradient for storage_order 1 (column major)');
    }
    const windows = windowsOf(context.node);
    return [windows.every(disjoint) ? unpool(context, windows) : scatter(context)];
  },
};

function windowsOf(node: NodeView): Windows {
  return windowAxes(node, intsAttribute(node.proto, 'kernel_shape') ?? []);
}

/** No element is in two windows, and the size that MaxUnpool works out by itself, without dilations, is one that it takes. */
function disjoint(w: WindowAxis): boolean {
  const extent = w.dilation * (w.kernel - 1) + 1;
  const size = (w.output - 1) * w.stride + w.kernel - w.padBegin - w.padEnd;
  return w.stride >= extent && size > 0 && size <= w.input;
}

function unpool({ node, outputGradient, writer, requestOutput }: GradientContext, windows: Windows): string {
  const shape = writer.ints(node.inputShape(0));
  return writer.emit('MaxUnpool', [outputGradient, requestOutput(1), shape], {
    kernel_shape: ints(windows.map((w) => w.kernel)),
    strides: ints(windows.map((w) => w.stride)),
    pads: ints(windowPads(windows)),
  });
}

/** Where windows overlap, one element may win several: its gradients add up. */
function scatter({ node, outputGradient, outputShape, writer, requestOutput }: GradientContext): string {
  const shape = node.inputShape(0);
  const flat = writer.ints([-1]);
  const count = sizeOf(shape);
  const zeros = writer.emit('Expand', [writer.scalar(0), writer.ints([count])]);
  const indices = writer.emit('Reshape', [requestOutput(1), flat]);
  const updates = writer.emit('Reshape', [outputGradient, writer.ints([sizeOf(outputShape)])]);
  const sums = writer.emit('ScatterElements', [zeros, indices, updates], { axis: int(0), reduction: string('add') });
  return writer.emit('Reshape', [sums, writer.ints(shape)]);
}
