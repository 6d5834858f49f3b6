import { stopRecorded } from './down.ts';
import { unlessNoRoom } from './files.ts';
import type { Say } from './obtain.ts';
import type { Stack } from './runner.ts';
import { writeStackState } from './state.ts';
import { supervise } from './supervisor.ts';

/** SIGHUP: the terminal was closed. What goes on without it would go on without anybody who restarts what dies. */
export const endSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Restarts what dies until one of `endSignals`, then stops everything; until SIGUSR2, then leaves everything to the successor.
 * Resolves to what ended it.
 */
export async function superviseHere(stack: Stack, say: Say): Promise<'stopped' | 'handed-over'> {
  const ending = new AbortController();
  let handedOver = false;
  const onHandOver = (): void => {
    handedOver = true;
    ending.abort();
  };
  const onEnd = (): void => ending.abort();
  process.on('SIGUSR2', onHandOver);
  for (const name of endSignals) process.on(name, onEnd);
  try {
    const end = await supervise(stack, say, ending.signal);
    if (handedOver || end === 'replaced') return 'handed-over';
    await stopRecorded(stack, say);
    delete stack.state.supervisor;
    unlessNoRoom(() => writeStackState(stack.cwd, stack.state));
    return 'stopped';
  } finally {
    process.off('SIGUSR2', onHandOver);
    for (const name of endSignals) process.off(name, onEnd);
  }
}
