import { setTimeout as delay } from 'node:timers/promises';

/**
 * Asks again when the first answer takes longer than usual, and takes whichever comes first; the other one is aborted (hedged
 * requests: Dean and Barroso, The Tail at Scale, 2013). A first request that fails early is not repeated. Rejects with the first's
 * error when nobody answers.
 */
export async function hedged<T>(
  ask: (signal: AbortSignal) => Promise<T>,
  { afterMs, signal }: { afterMs: number; signal: AbortSignal },
): Promise<T> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const firstEnded = new AbortController();
  const first = ask(either).finally(() => firstEnded.abort());
  const second = delay(afterMs, undefined, { signal: AbortSignal.any([either, firstEnded.signal]), ref: false }).then(
    () => ask(either),
  );
  try {
    return await Promise.any([first, second]);
  } catch (error) {
    throw (error as AggregateError).errors[0];
  } finally {
    over.abort();
  }
}
