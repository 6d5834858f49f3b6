import type { Forward } from '../autodiff/forward.ts';
import { intAttribute } from '../graph/attributes.ts';
import { normalizeAxis } from '../graph/shape.ts';

/** The output's value before a final activation of this type (over the last axis), and after it; without one the output is logits. */
export function logitsBefore(
  forward: Forward,
  activation: 'Softmax' | 'Sigmoid',
): { logits: string; probabilities?: string } {
  const { name, shape } = forward.output;
  const last = forward.nodes.find((node) => node.outputs[0] === name);
  if (last?.proto.opType !== activation) return { logits: name };
  const axis = normalizeAxis(intAttribute(last.proto, 'axis', -1), shape.length);
  if (activation === 'Softmax' && axis !== shape.length - 1) return { logits: name };
  return { logits: last.inputs[0] ?? '', probabilities: name };
}
