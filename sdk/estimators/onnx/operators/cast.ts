import type { NodeView, Operator } from '../autodiff/operator.ts';
import { intAttribute } from '../graph/attributes.ts';
import { DataType } from '../proto/types.ts';

const INTEGERS: readonly number[] = [DataType.int64, DataType.int32, DataType.bool];
/** float16 and bfloat16, which would lose gradients, and double. */
const OTHER_FLOATS: readonly number[] = [10, 11, 16];

export const cast: Operator = {
  type: 'Cast',
  infer: (node) => [node.inputShape(0)],
  fold: (node) => (INTEGERS.includes(target(node)) ? node.known(0) : undefined),
  stops: (node) => target(node) !== DataType.float32 && !OTHER_FLOATS.includes(target(node)),
  gradient: ({ node, outputGradient }) => {
    if (target(node) === DataType.float32) return [outputGradient];
    throw node.refuse(`no gradient through element type ${target(node)}; export the model in float32`);
  },
};

function target(node: NodeView): number {
  return intAttribute(node.proto, 'to', 0);
}
