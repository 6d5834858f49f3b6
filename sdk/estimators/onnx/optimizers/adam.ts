import { int } from '../graph/attributes.ts';
import type { GraphWriter } from '../graph/writer.ts';
import { DataType } from '../proto/types.ts';
import type { Optimizer } from './optimizer.ts';
import { addDecay, checkDecay, checkRange } from './optimizer.ts';
import type { DecayOptions, UpdateRequest } from './optimizer.ts';

export interface AdamOptions extends DecayOptions {
  name: 'adam';
  learningRate: number;
  /** Decay of the mean of gradients. Default 0.9. */
  beta1?: number;
  /** Decay of the mean of squared gradients. Default 0.999. */
  beta2?: number;
  /** Added to the denominator. Default 1e-8. */
  epsilon?: number;
}

/**
 * Adam (Kingma and Ba, 2015, algorithm 1), bias correction from the step number. Weight decay is the L2 penalty: the gradient
 * grows by weightDecay w before anything else (AdamW takes it off the weights instead).
 * The state keeps the sums M = beta1 M + g and V = beta2 V + g^2, which are the paper's m / (1 - beta1) and v / (1 - beta2):
 * constant factors move into scalars, so that fewer passes over the weights are needed.
 */
export function adam(options: AdamOptions): Optimizer {
  const move = adaptiveMove(options);
  checkDecay(options);
  return {
    name: 'adam',
    slots: ['mean', 'variance'],
    emit: (request) => move({ ...request, gradient: addDecay(request, options) }),
  };
}

export type Betas = Pick<AdamOptions, 'beta1' | 'beta2' | 'epsilon'>;

/** The update that Adam and AdamW share. */
export function adaptiveMove({ beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }: Betas): Optimizer['emit'] {
  checkRange('beta1', beta1, 0, 1);
  checkRange('beta2', beta2, 0, 1);
  checkRange('epsilon', epsilon, Number.MIN_VALUE, 1);
  return ({ writer, parameter, gradient, state, learningRate, step }: UpdateRequest) => {
    const mean = decayedSum(writer, state.mean ?? '', gradient, beta1);
    const variance = decayedSum(writer, state.variance ?? '', writer.emit('Mul', [gradient, gradient]), beta2);
    // w -= rate m / c1 / (sqrt(v / c2) + e), with c = (1 - beta^step) / (1 - beta) in terms of the sums.
    const c1 = weightOfSum(writer, step, beta1);
    const c2 = writer.emit('Sqrt', [weightOfSum(writer, step, beta2)]);
    const rate = writer.emit('Mul', [learningRate, writer.emit('Div', [c2, c1])]);
    const floor = writer.emit('Mul', [c2, writer.scalar(epsilon)]);
    const deviation = writer.emit('Add', [writer.emit('Sqrt', [variance]), floor]);
    const move = writer.emit('Div', [writer.emit('Mul', [mean, rate]), deviation]);
    return { parameter: writer.emit('Sub', [parameter, move]), state: { mean, variance } };
  };
}

function decayedSum(writer: GraphWriter, sum: string, value: string, keep: number): string {
  return writer.emit('Add', [writer.emit('Mul', [sum, writer.scalar(keep)]), value]);
}

/**
 * (1 - beta^step) / (1 - beta) = 1 + beta + ... + beta^(step - 1), a scalar. In double, because in float32 the difference of beta
 * to 1 keeps three or four digits only.
 */
function weightOfSum(writer: GraphWriter, step: string, beta: number): string {
  const exponent = writer.emit('Cast', [step], { to: int(DataType.float64) });
  const missing = writer.emit('Sub', [writer.double(1), writer.emit('Pow', [writer.double(beta), exponent])]);
  const weight = writer.emit('Mul', [missing, writer.double(1 / (1 - beta))]);
  return writer.emit('Cast', [weight], { to: int(DataType.float32) });
}
