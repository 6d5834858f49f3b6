import { Context } from '@temporalio/activity';

/** How often residents heartbeat; must stay well below the heartbeatTimeout of `workflows/lib/activities.ts`. */
const beatMs = 2_000;

/** Why an activity was cancelled decides what happens to what it started. */
export type Ending = 'wanted' | 'interrupted';

/**
 * Runs `act` while heartbeating. `details` is asked for at every beat.
 * Rejects with the cancellation when the activity is cancelled.
 */
export async function beating<T>(
  act: (signal: AbortSignal) => Promise<T>,
  details: () => unknown = () => undefined,
): Promise<T> {
  const context = Context.current();
  const timer = setInterval(() => context.heartbeat(details()), beatMs);
  context.heartbeat(details());
  try {
    return await Promise.race([act(context.cancellationSignal), context.cancelled]);
  } finally {
    clearInterval(timer);
  }
}

/** Waits for `found` to be called, or for the cancellation of the activity. `listen` returns how to stop listening. */
export async function until<T>(
  listen: (found: (value: T) => void, failed: (error: unknown) => void) => () => void,
): Promise<T> {
  let leave = (): void => undefined;
  try {
    return await beating(() => new Promise<T>((resolve, reject) => (leave = listen(resolve, reject))));
  } finally {
    leave();
  }
}

/**
 * `wanted`: the workflow asked for the end, or is gone: what was started is to be undone.
 * `interrupted`: this process stops or lost touch; the work goes on and is adopted by the next attempt.
 * Temporal knows an attempt no longer in two cases, which only `workflowRuns` tells apart: the workflow has ended, or the link was
 * away for longer than the heartbeat allows and the next attempt is on its way. No answer is no verdict.
 */
export async function endingOf(workflowRuns: (workflowId: string, runId: string) => Promise<boolean>): Promise<Ending> {
  const { cancellationDetails: details, info } = Context.current();
  if (details?.cancelRequested === true) return 'wanted';
  if (details?.notFound !== true || info.workflowExecution === undefined) return 'interrupted';
  const { workflowId, runId } = info.workflowExecution;
  return (await workflowRuns(workflowId, runId).catch(() => true)) ? 'interrupted' : 'wanted';
}
