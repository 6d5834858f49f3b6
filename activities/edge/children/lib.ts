import type { ChildAnswer, ChildFailure } from '../lib/child.ts';

/** What a child writes beside its results: the next one begins with an empty directory. */
export const scratchFile = { flush: false };

/** The whole of a child process that stays: answers one input after the other. It ends when its parent does. */
export function answerEach<I, O>(work: (input: I) => Promise<O>): void {
  process.once('disconnect', () => process.exit(1));
  process.on('message', ({ input }: { input: I }) => {
    void answerTo(work, input).then((answer) => process.send?.(answer));
  });
}

/** The whole of a child process that takes one input, answers, and ends. */
export function answerOnce<I, O>(work: (input: I) => Promise<O>): void {
  process.once('disconnect', () => process.exit(1));
  process.once('message', ({ input }: { input: I }) => {
    void answerTo(work, input).then((answer) => process.send?.(answer, () => process.exit(0)));
  });
}

async function answerTo<I, O>(work: (input: I) => Promise<O>, input: I): Promise<ChildAnswer<O>> {
  try {
    return { done: await work(input) };
  } catch (error) {
    return { failed: describe(error) };
  }
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
