import { OnnxError } from '../errors.ts';
import { int } from '../graph/attributes.ts';
import { sizeOf } from '../graph/shape.ts';
import { DataType } from '../proto/types.ts';
import { logitsBefore } from './logits.ts';
import type { Loss } from './loss.ts';

/**
 * Binary cross-entropy of independent outputs: mean over all elements of softplus(x) - x target, from logits x, which cannot
 * overflow. A model that ends in Sigmoid is differentiated from the value in front of it. Gradient (sigmoid(x) - target) / elements.
 */
export const bceWithLogits: Loss = {
  name: 'bceWithLogits',
  labels: 'binary',
  check(shape) {
    if (shape.length >= 2) return;
    throw new OnnxError('InvalidModel', `loss bceWithLogits needs an output [rows, ...], the model gives [${shape}]`);
  },
  emit({ forward, writer, target, backward }) {
    const { logits, probabilities } = logitsBefore(forward, 'Sigmoid');
    const elements = sizeOf(forward.output.shape);
    const fit = writer.emit('Mul', [logits, target]);
    // softplus(x) = max(x, 0) + log(1 + exp(-|x|)): the exponential never grows.
    const tail = writer.emit('Exp', [writer.emit('Neg', [writer.emit('Abs', [logits])])]);
    const softplus = writer.emit('Add', [
      writer.emit('Relu', [logits]),
      writer.emit('Log', [writer.emit('Add', [tail, writer.scalar(1)])]),
    ]);
    const each = writer.emit('Sub', [softplus, fit]);
    const loss = writer.emit('ReduceMean', [each], { keepdims: int(0) }, 'training/loss');

    const [guess, truth] = [
      writer.emit('Greater', [logits, writer.scalar(0)]),
      writer.emit('Greater', [target, writer.scalar(0.5)]),
    ];
    const hit = writer.emit('Cast', [writer.emit('Equal', [guess, truth])], { to: int(DataType.float32) });
    const hits = writer.emit('ReduceSum', [hit], { keepdims: int(0) });
    const correct = writer.emit('Mul', [hits, writer.scalar(forward.batch / elements)], {}, 'training/correct');
    if (!backward) return { loss, correct };
    const difference = writer.emit('Sub', [probabilities ?? writer.emit('Sigmoid', [logits]), target]);
    const gradient = writer.emit('Mul', [difference, writer.scalar(1 / elements)]);
    return { loss, correct, seed: { at: logits, gradient } };
  },
};
