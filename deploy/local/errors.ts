/** An error that a person can act upon. `hint` says how. */
export class StackError extends Error {
  readonly code: string;
  readonly hint: string | undefined;

  constructor(message: string, options: { code: string; hint?: string; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.name = 'StackError';
    this.code = options.code;
    this.hint = options.hint;
  }
}
