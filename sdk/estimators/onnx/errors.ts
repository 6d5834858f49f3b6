/** What went wrong, as a word that a condition reason or a test can match on. */
export type OnnxErrorType =
  | 'InvalidModel'
  | 'UnsupportedOperator'
  | 'InvalidSamples'
  | 'InvalidWeights'
  | 'InvalidOptions'
  | 'InvalidInput'
  | 'NotEnoughMemory'
  | 'TrainingDiverged'
  | 'RuntimeFailed';

/** Every refusal of this folder. None of them heals by trying again with the same input. */
export class OnnxError extends Error {
  readonly type: OnnxErrorType;
  readonly retryable = false;

  constructor(type: OnnxErrorType, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'OnnxError';
    this.type = type;
  }
}

/** The loss or a weight became NaN or infinite. `step` counts optimizer updates from 1. */
export class TrainingDiverged extends OnnxError {
  readonly step: number;

  constructor(step: number, loss: number, learningRate: number) {
    super(
      'TrainingDiverged',
      `training diverged at step ${step}: the loss or a weight is ${loss}; lower optimizer.learningRate (now ${learningRate}, try ${learningRate / 10}) or scale the inputs to about [-1, 1]`,
    );
    this.name = 'TrainingDiverged';
    this.step = step;
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
