import { OnnxError } from '../errors.ts';
import type { Loss } from './loss.ts';
import { mse } from './mse.ts';
import { softmaxCrossEntropy } from './softmax-cross-entropy.ts';

const LOSSES = { mse, softmaxCrossEntropy } as const;

export type LossName = keyof typeof LOSSES;

export function findLoss(name: LossName): Loss {
  if (Object.hasOwn(LOSSES, name)) return LOSSES[name];
  throw new OnnxError('InvalidOptions', `option loss: "${name}" is unknown; known: ${Object.keys(LOSSES).join(', ')}`);
}
