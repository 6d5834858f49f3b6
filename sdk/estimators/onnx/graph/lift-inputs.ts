import type { AttributeProto, ModelProto, NodeProto, TensorProto } from '../proto/types.ts';
import { toNumber } from '../proto/types.ts';
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

/** The model in the spelling of the training opset: attributes that became inputs (axes, bounds, ratios) are moved there. */
export function liftInputs(model: ModelProto): ModelProto {
  const { graph } = model;
  if (!graph.node.some((node) => movedAttributes(node).length > 0)) return model;
  const initializer: TensorProto[] = [...graph.initializer];
  const node = graph.node.map((one) => {
    const moved = movedAttributes(one);
    if (moved.length === 0) return one;
    const input = [...one.input];
    for (const [attribute, index] of moved) {
      const name = `${one.output[0]}/${attribute.name}`;
      while (input.length <= index) input.push('');
      input[index] = name;
      initializer.push(tensorOf(name, attribute));
    }
    const attribute = one.attribute?.filter((present) => !moved.some(([gone]) => gone === present));
    return { ...one, input, attribute };
  });
  return { ...model, graph: { ...graph, node, initializer } };
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
