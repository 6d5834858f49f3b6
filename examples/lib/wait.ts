import { setTimeout as delay } from 'node:timers/promises';
import { DemoError } from './errors.ts';

export interface WaitOptions {
  /** For the error: what did not happen. */
  awaited: string;
  boundMs: number;
  signal: AbortSignal;
}

const pollMs = 200;

/** Looks every 200 ms until there is something; throws a `DemoError` after `boundMs`. */
export async function waitFor<T>(
  look: () => Promise<T | undefined> | T | undefined,
  { awaited, boundMs, signal }: WaitOptions,
): Promise<T> {
  const deadline = performance.now() + boundMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) {
      throw new DemoError(`waited ${boundMs / 1000} s in vain for ${awaited}`, { awaited });
    }
    await delay(pollMs, undefined, { signal });
  }
}
