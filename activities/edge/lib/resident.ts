import { Context } from '@temporalio/activity';

/** Heartbeats in the time after which a missing one counts: some may be late or lost. */
const beatsPerTimeout = 4;
/** Where no heartbeat is asked for. */
const beatMs = 2_000;

/**
 * What began a moment ago asks when it is so old: each heartbeat is a write of the server, and of what began together most is over by
 * then, or wanted.
 */
const settledMs = 1_000;

interface Going {
  beat: () => void;
  since: number;
  timer?: NodeJS.Timeout;
}

/** What goes on in this process, by the workflow that wants it. */
const going = new Map<string, Set<Going>>();

/** Why an activity was cancelled decides what happens to what it started. */
export type Ending = 'wanted' | 'interrupted';

/**
 * Runs `act` while heartbeating as often as its heartbeatTimeout (`workflows/lib/activities.ts`) needs. `details` is asked for at every
 * beat; the first comes at once if there are any. Rejects with the cancellation when the activity is cancelled, of which it hears with
 * a heartbeat: by its own clock, or as soon as the same workflow begins something else here, for then it may have let go of this (one
 * that is younger than a second hears of it when it is not).
 */
export async function beating<T>(
  act: (signal: AbortSignal) => Promise<T>,
  details: () => unknown = () => undefined,
): Promise<T> {
  const context = Context.current();
  const beat = (): void => context.heartbeat(details());
  const { heartbeatTimeoutMs, workflowExecution } = context.info;
  const everyMs = heartbeatTimeoutMs ? heartbeatTimeoutMs / beatsPerTimeout : beatMs;
  const timer = setInterval(beat, everyMs);
  const leave = join(workflowExecution?.workflowId ?? '', beat);
  if (details() !== undefined) beat();
  try {
    return await Promise.race([act(context.cancellationSignal), context.cancelled]);
  } finally {
    clearInterval(timer);
    leave();
  }
}

/** Lets what the workflow has going here ask whether it is still wanted, and counts this among it. */
function join(workflowId: string, beat: () => void): () => void {
  const others = going.get(workflowId) ?? new Set();
  const own: Going = { beat, since: performance.now() };
  for (const other of others) ask(other, own.since);
  going.set(workflowId, others.add(own));
  return () => {
    clearTimeout(own.timer);
    others.delete(own);
    if (others.size === 0) going.delete(workflowId);
  };
}

function ask(other: Going, now: number): void {
  const rest = other.since + settledMs - now;
  if (rest <= 0) other.beat();
  else other.timer ??= setTimeout(other.beat, rest);
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
