/** Why an update does not count. Stable names: they become condition reasons and metric labels. */
export type RefusalReason =
  | 'WrongIdentity'
  | 'StaleRound'
  | 'DuplicateClient'
  | 'SizeMismatch'
  | 'DigestMismatch'
  | 'NotTensors'
  | 'DtypeMismatch'
  | 'ShapeMismatch'
  | 'TensorsMissing'
  | 'TensorsUnknown'
  | 'NotFinite'
  | 'BadSampleCount'
  | 'TooManySamples'
  | 'BitsInvalid'
  | 'LabelsInvalid';

export interface Refusal {
  reason: RefusalReason;
  /** Names what is wrong and, where there is something to do, what. */
  message: string;
}

export const refusal = (reason: RefusalReason, message: string): Refusal => ({ reason, message });
