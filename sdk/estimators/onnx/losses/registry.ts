import { OnnxError } from '../errors.ts';
import { bceWithLogits } from './bce-with-logits.ts';
import type { Loss } from './loss.ts';
import { mse } from './mse.ts';
import { softmaxCrossEntropy } from './softmax-cross-entropy.ts';
import type { ClassOptions } from './softmax-cross-entropy.ts';

const LOSSES = {
  bceWithLogits: () => bceWithLogits,
  mse: () => mse,
  softmaxCrossEntropy,
} as const satisfies Record<string, (options: ClassOptions) => Loss>;

export type LossName = keyof typeof LOSSES;

/** The loss of this name. Class weights and label smoothing are for softmaxCrossEntropy and refused elsewhere. */
export function findLoss(name: LossName, options: ClassOptions = {}): Loss {
  if (!Object.hasOwn(LOSSES, name)) {
    const known = Object.keys(LOSSES).join(', ');
    throw new OnnxError('InvalidOptions', `option loss: "${name}" is unknown; known: ${known}`);
  }
  for (const option of ['classWeights', 'labelSmoothing'] as const) {
    if (options[option] === undefined || name === 'softmaxCrossEntropy') continue;
    throw new OnnxError('InvalidOptions', `option ${option}: works with loss softmaxCrossEntropy only, not ${name}`);
  }
  return LOSSES[name](options);
}
