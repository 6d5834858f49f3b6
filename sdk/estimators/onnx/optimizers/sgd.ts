import type { Optimizer } from './optimizer.ts';
import { addDecay, checkDecay, checkRange } from './optimizer.ts';
import type { DecayOptions } from './optimizer.ts';

export interface SgdOptions extends DecayOptions {
  name: 'sgd';
  learningRate: number;
  /** Share of the last velocity that is kept, in [0, 1). Default 0: plain gradient descent without state. */
  momentum?: number;
}

/**
 * v = momentum v + g; w = w - learningRate v (Sutskever et al., 2013, in the form without dampening). Weight decay is the L2
 * penalty: g grows by weightDecay w.
 */
export function sgd(options: SgdOptions): Optimizer {
  const { momentum = 0 } = options;
  checkRange('momentum', momentum, 0, 1);
  checkDecay(options);
  return {
    name: 'sgd',
    slots: momentum > 0 ? ['velocity'] : [],
    emit(request) {
      const { writer, parameter, state, learningRate } = request;
      const gradient = addDecay(request, options);
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
