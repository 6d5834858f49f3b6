import { adaptiveMove } from './adam.ts';
import type { AdamOptions } from './adam.ts';
import { checkDecay, decayOf } from './optimizer.ts';
import type { Optimizer } from './optimizer.ts';

export interface AdamWOptions extends Omit<AdamOptions, 'name'> {
  name: 'adamw';
  /** Share of each weight, times the learning rate, that is taken off in each step. Default 0.01. */
  weightDecay?: number;
}

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter, 2019): w = w (1 - learningRate weightDecay), then Adam's move. The
 * learning rate is the scheduled one.
 */
export function adamw({ weightDecay = 0.01, ...options }: AdamWOptions): Optimizer {
  const move = adaptiveMove(options);
  const decayOptions = { weightDecay, noDecay: options.noDecay };
  checkDecay(decayOptions);
  return {
    name: 'adamw',
    slots: ['mean', 'variance'],
    emit(request) {
      const { writer, parameter, learningRate } = request;
      const decay = decayOf(parameter, decayOptions);
      if (decay === 0) return move(request);
      const share = writer.emit('Mul', [learningRate, writer.scalar(decay)]);
      const kept = writer.emit('Mul', [parameter, writer.emit('Sub', [writer.scalar(1), share])]);
      return move({ ...request, parameter: kept });
    },
  };
}
