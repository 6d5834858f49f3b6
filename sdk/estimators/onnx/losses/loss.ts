import type { Forward } from '../autodiff/forward.ts';
import type { Shape } from '../graph/shape.ts';
import type { GraphWriter } from '../graph/writer.ts';

export interface LossNodes {
  /** Scalar: mean over the rows of the batch. */
  loss: string;
  /** Scalar float: rows that were classified rightly, or the share of a row's outputs that were; not for values. */
  correct?: string;
  /** The value that backpropagation starts from, and the loss's gradient there. */
  seed?: { at: string; gradient: string };
}

export interface LossRequest {
  forward: Forward;
  writer: GraphWriter;
  /** Graph input with the targets, float32 of the model output's shape (labels are one-hot). */
  target: string;
  /** False for evaluation: no gradient is emitted. */
  backward: boolean;
}

/**
 * What the targets are: 'classes', one-hot or probabilities over the last axis; 'binary', a probability for each output by
 * itself; 'values', any numbers.
 */
export type LabelKind = 'classes' | 'binary' | 'values';

/** What training minimises. */
export interface Loss {
  readonly name: string;
  readonly labels: LabelKind;
  /** Throws if the model's output does not fit this loss. */
  check(outputShape: Shape): void;
  emit(request: LossRequest): LossNodes;
}
