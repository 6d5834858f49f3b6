import { intAttribute, intsAttribute, stringAttribute } from '../graph/attributes.ts';
import type { Shape } from '../graph/shape.ts';
import type { NodeView } from './operator.ts';

/** A sliding window along one spatial axis, with everything ONNX leaves to defaults resolved. Units: elements. */
export interface WindowAxis {
  input: number;
  output: number;
  kernel: number;
  stride: number;
  dilation: number;
  padBegin: number;
  padEnd: number;
}

/**
 * Windows of Conv and the poolings over the spatial axes of an [N, C, H, W] value.
 * `kernel`: from the weights for Conv; the pools have it as attribute.
 */
export function windowAxes(node: NodeView, kernel: Shape): [WindowAxis, WindowAxis] {
  const shape = node.inputShape(0);
  if (shape.length !== 4 || kernel.length !== 2) {
    throw node.refuse(
      `works on sequences [N, C, L] and images [N, C, H, W] here, got [${shape}] and kernel [${kernel}]`,
    );
  }
  return [axisOf(node, kernel, 0), axisOf(node, kernel, 1)];
}

export function windowOutput([height, width]: readonly [WindowAxis, WindowAxis]): Shape {
  return [height.output, width.output];
}

/** Paddings as ONNX lists them: begins, then ends. */
export function windowPads([height, width]: readonly [WindowAxis, WindowAxis]): number[] {
  return [height.padBegin, width.padBegin, height.padEnd, width.padEnd];
}

function axisOf(node: NodeView, kernels: Shape, axis: 0 | 1): WindowAxis {
  const input = node.inputShape(0)[axis + 2] ?? 0;
  const kernel = kernels[axis] ?? 1;
  const stride = intsAttribute(node.proto, 'strides')?.[axis] ?? 1;
  const dilation = intsAttribute(node.proto, 'dilations')?.[axis] ?? 1;
  const extent = dilation * (kernel - 1) + 1;
  const [padBegin, padEnd] = padding(node, { axis, input, stride, extent });
  const steps = (input + padBegin + padEnd - extent) / stride;
  if (steps < 0)
    throw node.refuse(`the window (${extent}) is larger than the padded input (${input + padBegin + padEnd})`);
  let output = Math.floor(steps) + 1;
  if (intAttribute(node.proto, 'ceil_mode', 0) === 1) {
    output = Math.ceil(steps) + 1;
    // A window that would start in the end padding is left out.
    if ((output - 1) * stride >= input + padBegin) output--;
  }
  return { input, output, kernel, stride, dilation, padBegin, padEnd };
}

interface PaddingCase {
  axis: 0 | 1;
  input: number;
  stride: number;
  extent: number;
}

function padding(node: NodeView, { axis, input, stride, extent }: PaddingCase): [number, number] {
  const mode = stringAttribute(node.proto, 'auto_pad', 'NOTSET');
  if (mode === 'VALID') return [0, 0];
  if (mode === 'NOTSET') {
    const pads = intsAttribute(node.proto, 'pads') ?? [];
    return [pads[axis] ?? 0, pads[axis + 2] ?? 0];
  }
  const total = Math.max(0, (Math.ceil(input / stride) - 1) * stride + extent - input);
  const small = Math.floor(total / 2);
  return mode === 'SAME_UPPER' ? [small, total - small] : [total - small, small];
}
