import type { ModelSignature } from '../../../crds/lib/signature.ts';
import type { ServedInput } from '../served-model.ts';
import type { TensorInfo } from '../../tensor.ts';
import type { OnnxErrorType } from '../../estimators/onnx/errors.ts';

/** What a session process is started with. */
export interface ChildOptions {
  /** Name of the model in errors. */
  origin: string;
  /** Refused where the file's is another. */
  sha256?: string;
  /** What is done before and after the model. */
  signature?: ModelSignature;
  session: { threads?: number; providers?: readonly string[]; strict?: boolean };
}

/** What it says first. */
export interface ChildReady {
  inputs: readonly ServedInput[];
  outputs: readonly TensorInfo[];
  sha256: string;
}

export interface ChildFailure {
  type: OnnxErrorType;
  message: string;
}
