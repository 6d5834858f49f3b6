import type { Forward } from '../autodiff/forward.ts';
import { OnnxError } from '../errors.ts';
import { int, intAttribute } from '../graph/attributes.ts';
import { DataType } from '../proto/types.ts';
import { normalizeAxis } from '../graph/shape.ts';
import type { GraphWriter } from '../graph/writer.ts';
import type { Loss } from './loss.ts';

/**
 * Mean over rows of -sum(target * log softmax(logits)). A model that ends in Softmax is differentiated from the logits in
 * front of it, (softmax - target) / rows, which is exact and cannot overflow; otherwise the output is taken as logits.
 */
export const softmaxCrossEntropy: Loss = {
  name: 'softmaxCrossEntropy',
  classification: true,
  check(shape) {
    if (shape.length === 2 && (shape[1] ?? 0) >= 2) return;
    throw new OnnxError(
      'InvalidModel',
      `loss softmaxCrossEntropy needs an output [rows, classes] with at least 2 classes, the model gives [${shape}]`,
    );
  },
  emit({ forward, writer, target, backward }) {
    const { logits, probabilities } = logitsOf(forward);
    const logLikelihood = writer.emit('LogSoftmax', [logits], { axis: int(1) });
    const perClass = writer.emit('Mul', [logLikelihood, target]);
    const total = writer.emit('ReduceSum', [perClass], { keepdims: int(0) });
    const loss = writer.emit('Mul', [total, writer.scalar(-1 / forward.batch)], {}, 'training/loss');
    const correct = countCorrect(writer, logits, target);
    if (!backward) return { loss, correct };
    const softmax = probabilities ?? writer.emit('Softmax', [logits], { axis: int(1) });
    const difference = writer.emit('Sub', [softmax, target]);
    const gradient = writer.emit('Mul', [difference, writer.scalar(1 / forward.batch)]);
    return { loss, correct, seed: { at: logits, gradient } };
  },
};

function logitsOf(forward: Forward): { logits: string; probabilities?: string } {
  const name = forward.output.name;
  const last = forward.nodes.find((node) => node.outputs[0] === name);
  if (last?.proto.opType !== 'Softmax') return { logits: name };
  const rank = forward.output.shape.length;
  if (normalizeAxis(intAttribute(last.proto, 'axis', -1), rank) !== rank - 1) return { logits: name };
  return { logits: last.inputs[0] ?? '', probabilities: name };
}

function countCorrect(writer: GraphWriter, logits: string, target: string): string {
  const [guess, truth] = [logits, target].map((value) =>
    writer.emit('ArgMax', [value], { axis: int(1), keepdims: int(0) }),
  );
  const hit = writer.emit('Cast', [writer.emit('Equal', [guess ?? '', truth ?? ''])], { to: int(DataType.float32) });
  return writer.emit('ReduceSum', [hit], { keepdims: int(0) }, 'training/correct');
}
