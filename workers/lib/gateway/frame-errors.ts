/** The frame is no JSON object. */
export class FrameMalformed extends Error {
  override name = 'FrameMalformed';
}

/** The frame is an update that must not count; `reason` as in `status.clients`. */
export class UpdateRefused extends Error {
  override name = 'UpdateRefused';
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}
