import type { TensorInfo } from '../../../tensor.ts';
import type { OnnxErrorType } from '../errors.ts';

/** What a session process is started with. */
export interface ChildOptions {
  /** Name of the model in errors. */
  origin: string;
  /** Refused where the file's is another. */
  sha256?: string;
  session: { threads?: number; providers?: readonly string[]; strict?: boolean };
}

/** What it says first. */
export interface ChildReady {
  inputs: readonly TensorInfo[];
  outputs: readonly TensorInfo[];
  sha256: string;
}

export interface ChildFailure {
  type: OnnxErrorType;
  message: string;
}
