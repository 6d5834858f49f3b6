import type { AttributeProto, ModelProto, NodeProto, TensorProto } from '../proto/types.ts';
import { toNumber } from '../proto/types.ts';
import { int, intAttribute } from './attributes.ts';
import { floatTensor, intTensor } from './tensors.ts';

/** Attributes that newer opsets take as inputs: by operator, attribute and index of the input. */
const AXES = { axes: 1 };
const MOVED: Record<string, Record<string, number>> = {
  Clip: { min: 1, max: 2 },
  Dropout: { ratio: 1 },
  Pad: { pads: 1, value: 2 },
  ReduceMax: AXES,
  ReduceMean: AXES,
  ReduceMin: AXES,
  ReduceProd: AXES,
  ReduceSum: AXES,
  Slice: { starts: 1, ends: 2, axes: 3 },
  Split: { split: 1 },
  Squeeze: AXES,
  Unsqueeze: AXES,
};

/**
 * The model in the spelling of the training opset: attributes that became inputs (axes, bounds, ratios) are moved there, those
 * that must be said now are said, those that are gone left out.
 */
export function liftInputs(model: ModelProto): ModelProto {
  const { graph } = model;
  const initializer: TensorProto[] = [];
  const node = graph.node.map((one) => withoutSpatial(withPartCount(withMoved(one, initializer))));
  if (node.every((one, i) => one === graph.node[i])) return model;
  return { ...model, graph: { ...graph, node, initializer: [...graph.initializer, ...initializer] } };
}

/** `initializer` gets the values. */
function withMoved(node: NodeProto, initializer: TensorProto[]): NodeProto {
  const moved = movedAttributes(node);
  if (moved.length === 0) return node;
  const input = [...node.input];
  for (const [attribute, index] of moved) {
    const name = `${node.output[0]}/${attribute.name}`;
    while (input.length <= index) input.push('');
    input[index] = name;
    initializer.push(tensorOf(name, attribute));
  }
  const attribute = node.attribute?.filter((present) => !moved.some(([gone]) => gone === present));
  return { ...node, input, attribute };
}

/** A Split into equal parts: up to opset 17 the outputs were enough, since then `num_outputs` is wanted. */
function withPartCount(node: NodeProto): NodeProto {
  if (node.opType !== 'Split' || node.input[1] || intAttribute(node, 'num_outputs', 0) > 0) return node;
  const attribute = [...(node.attribute ?? []), { name: 'num_outputs', ...int(node.output.length) }];
  return { ...node, attribute };
}

/** Statistics per channel (`spatial` 1) are the only kind since opset 9. The other kind is left for the runtime to refuse. */
function withoutSpatial(node: NodeProto): NodeProto {
  if (node.opType !== 'BatchNormalization' || intAttribute(node, 'spatial', 0) !== 1) return node;
  return { ...node, attribute: node.attribute?.filter(({ name }) => name !== 'spatial') };
}

function movedAttributes(node: NodeProto): [AttributeProto, number][] {
  const rules = Object.hasOwn(MOVED, node.opType) ? MOVED[node.opType] : undefined;
  if (!rules) return [];
  return (node.attribute ?? []).flatMap((attribute) => {
    const index = Object.hasOwn(rules, attribute.name) ? rules[attribute.name] : undefined;
    return index === undefined ? [] : [[attribute, index] satisfies [AttributeProto, number]];
  });
}

function tensorOf(name: string, { f, ints }: AttributeProto): TensorProto {
  if (ints?.length) return intTensor(name, [ints.length], ints.map(toNumber));
  return floatTensor(name, [], Float32Array.of(f ?? 0));
}
