import type { GraphWriter } from '../graph/writer.ts';
import type { Optimizer } from './optimizer.ts';
import { checkRange } from './optimizer.ts';

export interface AdamOptions {
  name: 'adam';
  learningRate: number;
  /** Decay of the mean of gradients. Default 0.9. */
  beta1?: number;
  /** Decay of the mean of squared gradients. Default 0.999. */
  beta2?: number;
  /** Added to the denominator. Default 1e-8. */
  epsilon?: number;
}

/** Adam (Kingma and Ba, 2015, algorithm 1), bias correction from the step number. */
export function adam({ beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }: AdamOptions): Optimizer {
  checkRange('beta1', beta1, 0, 1);
  checkRange('beta2', beta2, 0, 1);
  checkRange('epsilon', epsilon, Number.MIN_VALUE, 1);
  return {
    name: 'adam',
    slots: ['mean', 'variance'],
    emit({ writer, parameter, gradient, state, learningRate, step }) {
      const mean = blend(writer, state.mean ?? '', gradient, beta1);
      const squared = writer.emit('Mul', [gradient, gradient]);
      const variance = blend(writer, state.variance ?? '', squared, beta2);
      // Both corrections are applied to scalars: m / c1 / (sqrt(v) / c2 + e) = (m c2 / c1) / (sqrt(v) + e c2).
      const c1 = correction(writer, step, beta1);
      const c2 = writer.emit('Sqrt', [correction(writer, step, beta2)]);
      const rate = writer.emit('Mul', [learningRate, writer.emit('Div', [c2, c1])]);
      const floor = writer.emit('Mul', [c2, writer.scalar(epsilon)]);
      const spread = writer.emit('Add', [writer.emit('Sqrt', [variance]), floor]);
      const move = writer.emit('Div', [writer.emit('Mul', [mean, rate]), spread]);
      return { parameter: writer.emit('Sub', [parameter, move]), state: { mean, variance } };
    },
  };
}

function blend(writer: GraphWriter, old: string, fresh: string, keep: number): string {
  const kept = writer.emit('Mul', [old, writer.scalar(keep)]);
  return writer.emit('Add', [kept, writer.emit('Mul', [fresh, writer.scalar(1 - keep)])]);
}

/** 1 - beta^step, a scalar. */
function correction(writer: GraphWriter, step: string, beta: number): string {
  return writer.emit('Sub', [writer.scalar(1), writer.emit('Pow', [writer.scalar(beta), step])]);
}
