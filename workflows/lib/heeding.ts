/** Signals come from anybody, with anything in them: an error that left a handler would block the workflow for good. */
import { log, setHandler, type SignalDefinition } from '@temporalio/workflow';

export function onSignal<A extends unknown[]>(
  signal: SignalDefinition<A>,
  description: string,
  act: (...args: A) => void,
): void {
  setHandler(
    signal,
    (...args: A) => {
      try {
        act(...args);
      } catch (error) {
        log.warn('a signal was ignored: its argument is not what this workflow expects', { error: String(error) });
      }
    },
    { description },
  );
}

/** Throws, for `onSignal` to say it. */
export function expectOneOf<T extends string>(value: unknown, known: readonly T[]): T {
  if (!known.includes(value as T)) throw new TypeError(`${JSON.stringify(value)} is none of ${known.join(', ')}`);
  return value as T;
}
