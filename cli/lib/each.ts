import { refusalOf } from './kubernetes-errors.ts';
import { CliError } from './errors.ts';

/**
 * Does the same to several things, one after another: what one of them is refused is said at the end, the others are done all the same.
 * Errors that are not of one thing (a server that is away) end it at once.
 */
export async function each<T>(things: readonly T[], act: (thing: T) => Promise<void>): Promise<void> {
  const refused: CliError[] = [];
  for (const thing of things) {
    try {
      await act(thing);
    } catch (error) {
      const refusal = error instanceof CliError ? error : refusalOf(error);
      if (refusal === undefined) throw error;
      refused.push(refusal);
    }
  }
  const [first] = refused;
  if (first === undefined) return;
  if (refused.length === 1) throw first;
  const { code, hint, exitCode } = first;
  const message = refused.map((error) => error.message).join('\n');
  throw new CliError(message, { code, exitCode, cause: first, ...(hint === undefined ? {} : { hint }) });
}
