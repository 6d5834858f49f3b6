import { OnnxError } from '../errors.ts';
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

/** Refuses a hyperparameter outside [low, high) with the option's path. */
export function checkRange(name: string, value: number, low: number, high: number): void {
  if (Number.isFinite(value) && value >= low && value < high) return;
  throw new OnnxError('InvalidOptions', `option optimizer.${name}: ${value} is not in [${low}, ${high})`);
}
