import type { ModelProto, NodeProto, TensorProto } from '../proto/types.ts';
import { toNumber } from '../proto/types.ts';
import { ints, intsAttribute } from './attributes.ts';
import { intTensor } from './tensors.ts';

const WINDOWED: ReadonlySet<string> = new Set(['Conv', 'MaxPool', 'AveragePool']);
/** Said once for each axis, and 1 for one of length 1. */
const PER_AXIS: ReadonlySet<string> = new Set(['kernel_shape', 'strides', 'dilations']);

/**
 * The model with windows over sequences [N, C, L] as windows over images [N, C, 1, L], the form that has gradients. The weights
 * keep their names and shapes.
 */
export function liftWindows(model: ModelProto): ModelProto {
  const { graph } = model;
  const ranks = new Map(graph.initializer.map(({ name = '', dims }) => [name, dims?.length ?? 0]));
  const initializer: TensorProto[] = [];
  const node = graph.node.flatMap((one) => (isOverSequences(one, ranks) ? overImages(one, initializer) : [one]));
  if (initializer.length === 0) return model;
  return { ...model, graph: { ...graph, node, initializer: [...graph.initializer, ...initializer] } };
}

function isOverSequences(node: NodeProto, ranks: ReadonlyMap<string, number>): boolean {
  // Of a pooling that also says where its maxima lie, nothing is known of who reads that.
  if (!WINDOWED.has(node.opType) || node.output.length > 1) return false;
  const kernel = intsAttribute(node, 'kernel_shape');
  return kernel ? kernel.length === 1 : ranks.get(node.input[1] ?? '') === 3;
}

function overImages(node: NodeProto, initializer: TensorProto[]): NodeProto[] {
  const [output = ''] = node.output;
  const named = (name: string): string => `${output}/image/${name}`;
  const axes = named('axes');
  initializer.push(intTensor(axes, [1], [2]));
  const moved = (opType: string, from: string, to: string): NodeProto => ({
    opType,
    name: named(`${opType} ${from}`),
    input: [from, axes],
    output: [to],
  });
  // The data and, of a Conv, the weights; a bias is per channel.
  const widened = node.input.map((name, i) => (i < 2 ? moved('Unsqueeze', name, named(`input${i}`)) : undefined));
  const input = node.input.map((name, i) => widened[i]?.output[0] ?? name);
  const image: NodeProto = { ...node, input, output: [named('output')], attribute: overTwoAxes(node) };
  return [...widened.filter((one) => one !== undefined), image, moved('Squeeze', named('output'), output)];
}

function overTwoAxes(node: NodeProto): NodeProto['attribute'] {
  return node.attribute?.map((one) => {
    const [first = 0, last = 0] = (one.ints ?? []).map(toNumber);
    if (PER_AXIS.has(one.name)) return { ...one, ...ints([1, first]) };
    return one.name === 'pads' ? { ...one, ...ints([0, first, 0, last]) } : one;
  });
}
