/** Where a history that can no longer be replayed goes wrong, and whether it may be repeated from there. Pure. */
import type { temporal } from '@temporalio/proto';

export type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

/** WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR; the package with the names is not loaded for one number. */
export const nonDeterministic: temporal.api.enums.v1.WorkflowTaskFailedCause = 24;

export type ResetPoint =
  /** Event that completed the workflow task whose commands do not match; that task is to be repeated. */
  | { finishEventId: number; refused?: undefined; problem: string }
  /** Why repeating it would do harm. */
  | { finishEventId: number; refused: string; problem: string };

/** Undefined: its last workflow task did not fail for want of determinism. */
export function resetPoint(events: readonly HistoryEvent[]): ResetPoint | undefined {
  const failedAt = events.findLastIndex((event) => event.workflowTaskFailedEventAttributes?.cause === nonDeterministic);
  if (failedAt < 0 || events.slice(failedAt).some(isCompletion)) return undefined;
  const problem = events[failedAt]?.workflowTaskFailedEventAttributes?.failure?.message ?? '';
  const finishEventId = finishOf(events.slice(0, failedAt), problem);
  if (finishEventId === undefined) return undefined;
  const started = events.find((event) => Number(event.eventId) > finishEventId && childOf(event) !== undefined);
  // Its id is taken while it runs, and once it has ended it would run again.
  if (started !== undefined)
    return { finishEventId, problem, refused: `the child workflow ${childOf(started)} was started after it` };
  return { finishEventId, problem };
}

/** The SDK names the first event that does not match: a command's, which knows the task that it is of. Else the last task is taken. */
function finishOf(events: readonly HistoryEvent[], problem: string): number | undefined {
  const [, id] = /HistoryEvent\(id: (\d+)/.exec(problem) ?? [];
  const upTo = id === undefined ? Infinity : Number(id);
  const completion = events.findLast((event) => isCompletion(event) && Number(event.eventId) <= upTo);
  return completion === undefined ? undefined : Number(completion.eventId);
}

function isCompletion({ workflowTaskCompletedEventAttributes }: HistoryEvent): boolean {
  return (workflowTaskCompletedEventAttributes ?? undefined) !== undefined;
}

function childOf(event: HistoryEvent): string | undefined {
  return event.startChildWorkflowExecutionInitiatedEventAttributes?.workflowId ?? undefined;
}
