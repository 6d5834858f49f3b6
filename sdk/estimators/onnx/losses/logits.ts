import type { Forward } from '../autodiff/forward.ts';
import { intAttribute } from '../graph/attributes.ts';
import { normalizeAxis } from '../graph/shape.ts';
import type { NodeProto } from '../proto/types.ts';

/** The output's value before a final activation of this type (over the last axis), and after it; without one the output is logits. */
export function logitsBefore(
  forward: Forward,
  activation: 'Softmax' | 'Sigmoid',
): { logits: string; probabilities?: string } {
  const { name, shape } = forward.output;
  const last = finalNode(name, (value) => forward.nodes.find(({ outputs }) => outputs[0] === value)?.proto);
  if (last?.opType !== activation) return { logits: name };
  const axis = normalizeAxis(intAttribute(last, 'axis', -1), shape.length);
  if (activation === 'Softmax' && axis !== shape.length - 1) return { logits: name };
  return { logits: last.input[0] ?? '', probabilities: name };
}

/** The node that makes the output; exporters may name it anew by an Identity behind it. */
export function finalNode(output: string, producerOf: (value: string) => NodeProto | undefined): NodeProto | undefined {
  let node = producerOf(output);
  while (node?.opType === 'Identity') node = producerOf(node.input[0] ?? '');
  return node;
}
