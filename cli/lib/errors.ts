import { paragraphOf } from '../../workflows/lib/cures.ts';

/** Exit codes of every verb; documented in `sedna --help`. */
export const EXIT = { ok: 0, failed: 1, usage: 2, notFound: 3, unreachable: 4, timeout: 5, interrupted: 130 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface CliErrorOptions {
  /** PascalCase, stable for scripts; a heading of `docs/errors.md`. */
  code: string;
  /** What the user does about it. */
  hint?: string;
  exitCode?: ExitCode;
  cause?: unknown;
}

/** An expected error: printed as message and hint, never as a stack trace. */
export class CliError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly exitCode: ExitCode;

  constructor(message: string, options: CliErrorOptions) {
    super(message, { cause: options.cause });
    this.name = 'CliError';
    this.code = options.code;
    this.hint = options.hint;
    this.exitCode = options.exitCode ?? EXIT.failed;
  }
}

/** Words on the command line that cannot be meant so. */
export function badUsage(message: string, hint?: string): CliError {
  return new CliError(message, { code: 'BadUsage', exitCode: EXIT.usage, ...(hint === undefined ? {} : { hint }) });
}

/** Prints an error for a person on stderr, with where it is described, and returns the process's exit code. */
export function reportError(error: unknown): number {
  const { message, hint, exitCode, more } = describe(error);
  process.stderr.write(`error: ${message}\n${hint ? `  hint: ${hint}\n` : ''}${more ? `  more: ${more}\n` : ''}`);
  if (process.env.SEDNA_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  return exitCode;
}

interface Described {
  message: string;
  hint?: string;
  exitCode: number;
  more?: string;
}

function describe(error: unknown): Described {
  if (!(error instanceof Error)) return { message: String(error), exitCode: EXIT.failed };
  // Errors of lower layers (the local stack's among them) carry a code and a hint but no exit code.
  const { hint, exitCode, code } = error as Partial<CliError>;
  return {
    message: error.message,
    ...(typeof hint === 'string' ? { hint } : {}),
    exitCode: typeof exitCode === 'number' ? exitCode : EXIT.failed,
    // Ours are PascalCase words; the system's (ENOENT) are not.
    ...(typeof code === 'string' && /^[A-Z][a-z]/.test(code) ? { more: paragraphOf(code) } : {}),
  };
}
