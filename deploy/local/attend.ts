import { stopRecorded } from './down.ts';
import type { Say } from './obtain.ts';
import type { Stack } from './runner.ts';
import { writeStackState } from './state.ts';
import { supervise } from './supervisor.ts';

/**
 * Restarts what dies until SIGINT or SIGTERM, then stops everything; until SIGUSR2, then leaves everything to the successor.
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
  process.on('SIGUSR2', onHandOver).on('SIGINT', onEnd).on('SIGTERM', onEnd);
  try {
    const end = await supervise(stack, say, ending.signal);
    if (handedOver || end === 'replaced') return 'handed-over';
    await stopRecorded(stack, say);
    delete stack.state.supervisor;
    writeStackState(stack.cwd, stack.state);
    return 'stopped';
  } finally {
    process.off('SIGUSR2', onHandOver).off('SIGINT', onEnd).off('SIGTERM', onEnd);
  }
}
