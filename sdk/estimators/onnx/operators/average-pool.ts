import type { NodeView, Operator } from '../autodiff/operator.ts';
import { spread } from '../autodiff/spread.ts';
import { windowAxes, windowOutput } from '../autodiff/window.ts';
import type { WindowAxis } from '../autodiff/window.ts';
import { intAttribute, intsAttribute } from '../graph/attributes.ts';

export const averagePool: Operator = {
  type: 'AveragePool',
  infer: (node) => [[...node.inputShape(0).slice(0, 2), ...windowOutput(windowsOf(node))]],
  /** dY over the number of averaged elements, spread evenly over each window; channels are independent, hence the reshape. */
  gradient: ({ node, outputGradient, writer }) => {
    if (intAttribute(node.proto, 'ceil_mode', 0) !== 0) throw node.refuse('no gradient for ceil_mode 1');
    const windows = windowsOf(node);
    const [height, width] = windows;
    const [n = 1, channels = 1] = node.inputShape(0);
    const share = writer.emit('Mul', [outputGradient, writer.floats(shares(node, windows), windowOutput(windows))]);
    const planes = writer.emit('Reshape', [share, writer.ints([n * channels, 1, height.output, width.output])]);
    const area = height.kernel * width.kernel;
    const ones = writer.floats(new Array<number>(area).fill(1), [1, 1, height.kernel, width.kernel]);
    return [
      writer.emit('Reshape', [spread(writer, planes, { weights: ones, windows }), writer.ints(node.inputShape(0))]),
    ];
  },
};

function windowsOf(node: NodeView): readonly [WindowAxis, WindowAxis] {
  return windowAxes(node, intsAttribute(node.proto, 'kernel_shape') ?? []);
}

/** One over the number of elements that each output position averages. */
function shares(node: NodeView, [height, width]: readonly [WindowAxis, WindowAxis]): number[] {
  const includePad = intAttribute(node.proto, 'count_include_pad', 0) === 1;
  const columns = counts(width, includePad);
  return counts(height, includePad).flatMap((rows) => columns.map((column) => 1 / (rows * column)));
}

function counts(w: WindowAxis, includePad: boolean): number[] {
  return Array.from({ length: w.output }, (_, o) => {
    if (includePad) return w.kernel;
    const taps = Array.from({ length: w.kernel }, (__, k) => o * w.stride + k * w.dilation - w.padBegin);
    return taps.filter((position) => position >= 0 && position < w.input).length;
  });
}
