import type { Operator } from '../autodiff/operator.ts';
import { floatTensor, intTensor, tensorShape } from '../graph/tensors.ts';
import { toNumber } from '../proto/types.ts';
import type { AttributeProto, NodeProto, TensorProto } from '../proto/types.ts';

/** A Constant node holds a fixed value: it is part of the forward graph and never trains. */
export const constant: Operator = {
  type: 'Constant',
  infer: (node) => {
    const tensor = constantTensor(node.proto);
    if (!tensor) throw node.refuse('holds neither a tensor nor numbers');
    return [tensorShape(tensor)];
  },
};

type Spelling = (attribute: AttributeProto, name: string) => TensorProto | undefined;

const SPELLINGS: Record<string, Spelling> = {
  value: ({ t }) => t,
  value_float: ({ f = 0 }, name) => floatTensor(name, [], Float32Array.of(f)),
  value_floats: ({ floats = [] }, name) => floatTensor(name, [floats.length], Float32Array.from(floats)),
  value_int: ({ i }, name) => intTensor(name, [], [toNumber(i)]),
  value_ints: ({ ints = [] }, name) => intTensor(name, [ints.length], ints.map(toNumber)),
};

/** The value of a Constant node in any of its spellings; undefined for other nodes and for text. */
export function constantTensor(node: NodeProto): TensorProto | undefined {
  const attribute = node.opType === 'Constant' ? node.attribute?.[0] : undefined;
  return attribute && SPELLINGS[attribute.name]?.(attribute, node.output[0] ?? '');
}
