/** Every history that a run leaves must be one that the workflow code can go through again: a restarted manager does nothing else. */
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { resetReason } from '../../../workers/lib/heal.ts';
import { nonDeterministic, resetPoint, type HistoryEvent } from '../../../workers/lib/reset-point.ts';
import { workflowBundle } from '../../../workers/lib/workflow-bundle.ts';
import type { StackWorld } from './stack-world.ts';

let bundle: ReturnType<typeof workflowBundle> | undefined;

function managersBundle(): ReturnType<typeof workflowBundle> {
  if (bundle !== undefined) return bundle;
  Runtime.install({
    logger: new DefaultLogger('ERROR', () => undefined),
    telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' }, forward: {} } },
    shutdownSignals: [],
  });
  return (bundle = workflowBundle());
}

export interface BrokenHistory {
  workflowId: string;
  problem: string;
  /** Where it is kept, in the folder of the world. */
  file: string;
  /** The answer with a workflow task was lost just before it went wrong: the defect of Temporal's SDK that `Healer` is for. */
  isLostTask: boolean;
}

/** Those that cannot be gone through again; runs that were reset because of that are not looked at. */
export async function brokenHistories(
  { client, stack }: Pick<StackWorld, 'client' | 'stack'>,
  query = '',
): Promise<BrokenHistory[]> {
  const found: BrokenHistory[] = [];
  let last: { events?: HistoryEvent[] | null } = {};
  async function* histories(): AsyncGenerator<{ workflowId: string; history: typeof last }> {
    for await (const { workflowId, runId } of client.workflow.list({ query })) {
      last = await client.workflow.getHandle(workflowId, runId).fetchHistory();
      if (!wasReset(last.events ?? [])) yield { workflowId, history: last };
    }
  }
  // One worker for all: each loads the workflows anew, and keeps a source map for good, for which there is room for a few hundred.
  for await (const { workflowId, error } of Worker.runReplayHistories(
    { workflowBundle: await managersBundle() },
    histories(),
  )) {
    if (error === undefined) continue;
    const file = join(stack.cwd, `${workflowId.replaceAll('/', '-')}-${found.length}.json`);
    writeFileSync(file, historyToJSON(last));
    const problem = error.message;
    found.push({ workflowId, problem, file, isLostTask: isLostTask(last.events ?? [], problem) });
  }
  return found;
}

export function describeBroken({ workflowId, file, problem }: BrokenHistory): string {
  return `the history of ${workflowId} cannot be replayed (kept as ${file}): ${problem}`;
}

function wasReset(events: HistoryEvent[]): boolean {
  return events.at(-1)?.workflowExecutionTerminatedEventAttributes?.reason?.includes(resetReason) ?? false;
}

/**
 * Whether the task that went wrong is a second attempt, after an answer that never came. Or the one after it, if that writes a status: then
 * the attempt saw the signals in two portions, and on replay sees them in one.
 */
function isLostTask(events: HistoryEvent[], message: string): boolean {
  const failure: HistoryEvent = {
    workflowTaskFailedEventAttributes: { cause: nonDeterministic, failure: { message } },
  };
  const finish = resetPoint([...events, failure])?.finishEventId;
  const before = events.filter(
    (event) =>
      Number(event.eventId) < (finish ?? 0) &&
      [
        event.workflowTaskCompletedEventAttributes,
        event.workflowTaskFailedEventAttributes,
        event.workflowTaskTimedOutEventAttributes,
      ].some((attributes) => (attributes ?? undefined) !== undefined),
  );
  const hasTimedOut = (event: HistoryEvent | undefined): boolean =>
    (event?.workflowTaskTimedOutEventAttributes ?? undefined) !== undefined;
  const next = events.find((event) => Number(event.eventId) === Number(finish) + 1);
  const writesStatus = next?.activityTaskScheduledEventAttributes?.activityType?.name === 'writeStatus';
  return hasTimedOut(before.at(-1)) || (hasTimedOut(before.at(-2)) && writesStatus);
}
