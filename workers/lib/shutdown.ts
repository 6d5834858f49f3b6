import { GracefulShutdownPeriodExpiredError, IllegalStateError } from '@temporalio/worker';
import { logger } from './log.ts';

/** Fires on the first SIGINT or SIGTERM. A second one ends the process at once. */
export function shutdownSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(130);
    logger.info({ signal: name }, 'stopping');
    controller.abort();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return controller.signal;
}

export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/**
 * Waits for Temporal workers to end. One that was told to and did not manage it in time (a starved machine) is ended by force: no harm is
 * done, Temporal gives what it did to another worker. The SDK says `IllegalStateError` where workflows were left, which tells nobody that.
 * It throws all the same: what native threads still wait for would keep the process alive.
 */
export async function ended(running: Promise<unknown>, stop: AbortSignal): Promise<void> {
  try {
    await running;
  } catch (error) {
    const isForced = error instanceof GracefulShutdownPeriodExpiredError || error instanceof IllegalStateError;
    if (!stop.aborted || !isForced) throw error;
    throw new Error('stopped before the work under way had ended: it will be done again', { cause: error });
  }
}
