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
 * Waits for Temporal workers to end. One that was told to and did not manage it in time (a starved machine) was ended by force: Temporal
 * gives what it did to another worker, so that is no failure. The SDK reports it as `IllegalStateError` where workflows were left.
 */
export async function ended(running: Promise<unknown>, stop: AbortSignal): Promise<void> {
  try {
    await running;
  } catch (error) {
    const isForced = error instanceof GracefulShutdownPeriodExpiredError || error instanceof IllegalStateError;
    if (!stop.aborted || !isForced) throw error;
    logger.warn({ err: error }, 'stopped before all work under way had ended; it is done again');
  }
}
