import type { Optimizer } from './optimizer.ts';
import { checkRange } from './optimizer.ts';

export interface SgdOptions {
  name: 'sgd';
  learningRate: number;
  /** Share of the last velocity that is kept, in [0, 1). Default 0: plain gradient descent without state. */
  momentum?: number;
}

/** v = momentum v + g; w = w - learningRate v (Sutskever et al., 2013, in the form without dampening). */
export function sgd({ momentum = 0 }: SgdOptions): Optimizer {
  checkRange('momentum', momentum, 0, 1);
  return {
    name: 'sgd',
    slots: momentum > 0 ? ['velocity'] : [],
    emit({ writer, parameter, gradient, state, learningRate }) {
      let velocity = gradient;
      if (momentum > 0) {
        const kept = writer.emit('Mul', [state.velocity ?? '', writer.scalar(momentum)]);
        velocity = writer.emit('Add', [kept, gradient]);
      }
      const move = writer.emit('Mul', [velocity, learningRate]);
      const next: Record<string, string> = momentum > 0 ? { velocity } : {};
      return { parameter: writer.emit('Sub', [parameter, move]), state: next };
    },
  };
}
