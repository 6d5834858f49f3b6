import { int } from '../graph/attributes.ts';
import { sizeOf } from '../graph/shape.ts';
import type { Loss } from './loss.ts';

/** Mean squared error: mean over all elements of (output - target)^2; gradient 2 (output - target) / elements. */
export const mse: Loss = {
  name: 'mse',
  labels: 'values',
  check: () => undefined,
  emit({ forward, writer, target, backward }) {
    const difference = writer.emit('Sub', [forward.output.name, target]);
    const squared = writer.emit('Mul', [difference, difference]);
    const loss = writer.emit('ReduceMean', [squared], { keepdims: int(0) }, 'training/loss');
    if (!backward) return { loss };
    const scale = writer.scalar(2 / sizeOf(forward.output.shape));
    return { loss, seed: { at: forward.output.name, gradient: writer.emit('Mul', [difference, scale]) } };
  },
};
