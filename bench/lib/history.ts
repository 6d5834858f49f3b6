/** What a workflow's history says of times and costs. */
import type { Client } from '@temporalio/client';

type Events = NonNullable<Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>['events']>;

export async function eventsOf(client: Client, workflowId: string): Promise<Events> {
  return (await client.workflow.getHandle(workflowId).fetchHistory()).events ?? [];
}

/** Milliseconds since the epoch. */
export function timeOf(time: { seconds?: unknown; nanos?: number | null } | null | undefined): number {
  return Number(time?.seconds ?? 0) * 1_000 + (time?.nanos ?? 0) / 1e6;
}

/** When the first activity of a type started. */
export function startOf(events: Events, activity: string): number | undefined {
  const scheduled = events.find((event) => event.activityTaskScheduledEventAttributes?.activityType?.name === activity);
  const started = events.find(
    (event) => String(event.activityTaskStartedEventAttributes?.scheduledEventId) === String(scheduled?.eventId),
  );
  return started === undefined ? undefined : timeOf(started.eventTime);
}

/** Writes of the server for a workflow so far: its unit of cost. */
export async function transitionsOf(client: Client, workflowId: string): Promise<number> {
  const { raw } = await client.workflow.getHandle(workflowId).describe();
  return Number(raw.workflowExecutionInfo?.stateTransitionCount ?? 0);
}
