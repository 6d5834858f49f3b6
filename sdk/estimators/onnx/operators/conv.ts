import type { GradientContext, NodeView, Operator } from '../autodiff/operator.ts';
import { skipped, spread } from '../autodiff/spread.ts';
import { windowAxes, windowOutput, windowPads } from '../autodiff/window.ts';
import type { WindowAxis } from '../autodiff/window.ts';
import { int, intAttribute, ints } from '../graph/attributes.ts';
import type { Shape } from '../graph/shape.ts';
import type { GraphWriter } from '../graph/writer.ts';

type Windows = readonly [WindowAxis, WindowAxis];

/** Convolution of X [N, C, H, W] with W [M, C, kH, kW] and an optional bias [M]. */
export const conv: Operator = {
  type: 'Conv',
  infer: (node) => {
    const [n = 0, channels = 0] = node.inputShape(0);
    const [m = 0, perGroup = 0] = node.inputShape(1);
    const groups = intAttribute(node.proto, 'group', 1);
    if (perGroup * groups !== channels) {
      throw node.refuse(`the input has ${channels} channels, the kernel takes ${perGroup} x ${groups} group(s)`);
    }
    return [[n, m, ...windowOutput(windowsOf(node))]];
  },
  gradient: (context) => {
    const { node, outputGradient, writer, needs } = context;
    const windows = windowsOf(node);
    const groups = intAttribute(node.proto, 'group', 1);
    return [
      needs(0) ? spread(writer, outputGradient, { weights: node.inputs[1] ?? '', windows, groups }) : undefined,
      needs(1) ? gradientOfWeights(context, windows) : undefined,
      needs(2) ? writer.emit('ReduceSum', [outputGradient, writer.ints([0, 2, 3])], { keepdims: int(0) }) : undefined,
    ];
  },
};

function windowsOf(node: NodeView): Windows {
  return windowAxes(node, node.inputShape(1).slice(2));
}

/**
 * dW[m, c, i, j] = sum over n, y, x of dY[n, m, y, x] X[n, c, i d + y s, j d + x s]: a convolution of X with dY as kernel
 * in which images and channels change places, and stride and dilation too. Groups stay groups.
 */
function gradientOfWeights({ node, outputGradient, writer }: GradientContext, windows: Windows): string {
  const groups = intAttribute(node.proto, 'group', 1);
  const x = imagesAsChannels(writer, node.inputs[0] ?? '', node.inputShape(0), groups);
  const dY = writer.emit('Transpose', [outputGradient], SWAP);
  const wide = writer.emit('Conv', [x, dY], {
    kernel_shape: ints(windowOutput(windows)),
    strides: ints(windows.map((w) => w.dilation)),
    dilations: ints(windows.map((w) => w.stride)),
    pads: ints(windowPads(windows)),
    group: int(groups),
  });
  // Elements that the last stride skipped give the swapped convolution positions that no weight has.
  const surplus = windows.some((w) => skipped(w) >= w.dilation);
  const kernel = windows.map((w) => w.kernel);
  const exact = surplus
    ? writer.emit('Slice', [wide, writer.ints([0, 0]), writer.ints(kernel), writer.ints([2, 3])])
    : wide;
  return writer.emit('Transpose', [exact], SWAP);
}

const SWAP = { perm: ints([1, 0, 2, 3]) };

/** [N, G C, H, W] as [C, G N, H, W]. */
function imagesAsChannels(writer: GraphWriter, value: string, [n = 1, channels = 1, ...image]: Shape, groups: number) {
  if (groups === 1) return writer.emit('Transpose', [value], SWAP);
  const split = writer.emit('Reshape', [value, writer.ints([n, groups, channels / groups, ...image])]);
  const moved = writer.emit('Transpose', [split], { perm: ints([2, 1, 0, 3, 4]) });
  return writer.emit('Reshape', [moved, writer.ints([channels / groups, groups * n, ...image])]);
}
