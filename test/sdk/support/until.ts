import { setTimeout as delay } from 'node:timers/promises';

/** Resolves once `condition` holds; fails with its text after `boundMs`. */
export async function until(condition: () => unknown, boundMs = 10_000): Promise<void> {
  const deadline = performance.now() + boundMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${boundMs} ms: ${condition}`);
    await delay(5);
  }
}
