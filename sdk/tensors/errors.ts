/** Why a tensor file, or an update made of one, is refused. Stable names: they become condition reasons and metric labels. */
export type TensorReason =
  | 'NotTensors'
  | 'HeaderTooLarge'
  | 'TooManyTensors'
  | 'TooLarge'
  | 'NameInvalid'
  | 'DtypeUnknown'
  | 'ShapeInvalid'
  | 'OffsetsInvalid'
  | 'TensorUnknown'
  | 'RangeInvalid'
  | 'DtypeUnsupported'
  | 'LayoutMismatch'
  | 'NotFinite';

/** What the tensor container refuses. The message names the file or tensor and what is wrong with it. */
export class TensorError extends Error {
  override name = 'TensorError';
  readonly reason: TensorReason;

  constructor(reason: TensorReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}
