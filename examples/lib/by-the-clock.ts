import { setTimeout as delay } from 'node:timers/promises';

/** Calls so often a second, whether or not earlier calls have ended: a server that stalls does not slow the load down. Resolves when all have ended. */
export async function byTheClock(
  perSecond: number,
  signal: AbortSignal,
  call: (count: number) => Promise<void>,
): Promise<void> {
  const began = performance.now();
  const open = new Set<Promise<void>>();
  for (let count = 1; !signal.aborted; count++) {
    const called: Promise<void> = call(count).finally(() => open.delete(called));
    open.add(called);
    const due = began + (count * 1_000) / perSecond;
    await delay(Math.max(0, due - performance.now()), undefined, { signal }).catch(() => undefined);
  }
  await Promise.all(open);
}
