/** An expected end of a demo that is not success: said in one line, without a stack trace. */
export class DemoError extends Error {
  override name = 'DemoError';
  /** What the demo was waiting for, where it was waiting. */
  readonly awaited: string | undefined;
  /** What the reader does about it. */
  readonly hint: string | undefined;

  constructor(message: string, details: { awaited?: string; hint?: string; cause?: unknown } = {}) {
    super(message, { cause: details.cause });
    this.awaited = details.awaited;
    this.hint = details.hint;
  }
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
