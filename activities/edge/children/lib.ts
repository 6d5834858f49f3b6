import type { ChildAnswer, ChildFailure } from '../lib/child.ts';

/** The whole of a child process: takes one input, answers, ends. It ends as well when its parent does. */
export function answerOnce<I, O>(work: (input: I) => Promise<O>): void {
  process.once('disconnect', () => process.exit(1));
  process.once('message', ({ input }: { input: I }) => {
    void work(input)
      .then((done): ChildAnswer<O> => ({ done }))
      .catch((error: unknown): ChildAnswer<O> => ({ failed: describe(error) }))
      .then((answer) => process.send?.(answer, () => process.exit(0)));
  });
}

function describe(error: unknown): ChildFailure {
  if (!(error instanceof Error)) return { message: String(error) };
  const { reason, type, code } = error as Error & { reason?: unknown; type?: unknown; code?: unknown };
  const named = [reason, type, code].find((value): value is string => typeof value === 'string');
  return {
    message: error.message,
    ...(named === undefined ? {} : { reason: named }),
    ...(typeof code === 'string' ? { code } : {}),
  };
}
