import { OnnxError } from '../errors.ts';
import { matchesAny } from '../globs.ts';
import type { GraphWriter } from '../graph/writer.ts';

/** Names of the values that one parameter's update reads; all float32, state in the parameter's shape. */
export interface UpdateRequest {
  writer: GraphWriter;
  parameter: string;
  gradient: string;
  state: Record<string, string>;
  /** Scalar graph input. */
  learningRate: string;
  /** Scalar graph input: number of this update, from 1. */
  step: string;
}

export interface UpdateNodes {
  parameter: string;
  state: Record<string, string>;
}

/** An update rule. State slots start at zero. */
export interface Optimizer {
  readonly name: string;
  readonly slots: readonly string[];
  emit(request: UpdateRequest): UpdateNodes;
}

export interface DecayOptions {
  /** Pulls weights towards zero; which kind says the optimizer. Default 0. */
  weightDecay?: number;
  /** Globs ("*.bias", "norm*") of parameters that do not decay. Default none. */
  noDecay?: readonly string[];
}

export function checkDecay({ weightDecay = 0 }: DecayOptions): void {
  checkRange('weightDecay', weightDecay, 0, Infinity);
}

/** How strongly this parameter decays. */
export function decayOf(parameter: string, { weightDecay = 0, noDecay = [] }: DecayOptions): number {
  return matchesAny(parameter, noDecay) ? 0 : weightDecay;
}

/** The gradient with the L2 penalty's, weightDecay w, added. */
export function addDecay({ writer, parameter, gradient }: UpdateRequest, options: DecayOptions): string {
  const decay = decayOf(parameter, options);
  if (decay === 0) return gradient;
  return writer.emit('Add', [gradient, writer.emit('Mul', [parameter, writer.scalar(decay)])]);
}

/** Refuses a hyperparameter outside [low, high) with the option's path. */
export function checkRange(name: string, value: number, low: number, high: number): void {
  if (Number.isFinite(value) && value >= low && value < high) return;
  throw new OnnxError('InvalidOptions', `option optimizer.${name}: ${value} is not in [${low}, ${high})`);
}
