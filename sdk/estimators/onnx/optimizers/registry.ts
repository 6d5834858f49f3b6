import { OnnxError } from '../errors.ts';
import { adam } from './adam.ts';
import type { AdamOptions } from './adam.ts';
import { adamw } from './adamw.ts';
import type { AdamWOptions } from './adamw.ts';
import type { Optimizer } from './optimizer.ts';
import { sgd } from './sgd.ts';
import type { SgdOptions } from './sgd.ts';

export type OptimizerOptions = SgdOptions | AdamOptions | AdamWOptions;

const KNOWN = ['adam', 'adamw', 'sgd'];

export function makeOptimizer(options: OptimizerOptions): Optimizer {
  const { name, learningRate } = options;
  if (!Number.isFinite(learningRate) || learningRate <= 0) {
    throw new OnnxError('InvalidOptions', `option optimizer.learningRate: ${learningRate} is not a number above 0`);
  }
  switch (options.name) {
    case 'sgd':
      return sgd(options);
    case 'adam':
      return adam(options);
    case 'adamw':
      return adamw(options);
    default:
      throw new OnnxError('InvalidOptions', `option optimizer.name: "${name}" is unknown; known: ${KNOWN.join(', ')}`);
  }
}
