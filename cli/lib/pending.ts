import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import proto from '@temporalio/proto';
import { entityId, type EntityRef } from '../../workflows/lib/ids.ts';

export interface Pending {
  activity: string;
  queue: string;
  state: 'running' | 'waiting for its node or a free slot there' | 'tries again';
  attempt: number;
  /** Newest heartbeat: the step of a training, for example. */
  progress?: unknown;
  lastFailure?: string;
}

/** What an entity and its running rounds have going, asked of Temporal: heartbeats are in no history. */
export async function pendingActivities(client: Client, ref: EntityRef): Promise<Pending[]> {
  const id = entityId(ref);
  const ids = [id];
  const query = `WorkflowId STARTS_WITH "${id}/" AND ExecutionStatus = "Running"`;
  for await (const { workflowId } of client.workflow.list({ query })) ids.push(workflowId);
  // One that has just ended has nothing going.
  const described = await Promise.all(
    ids.map((workflowId) =>
      client.workflow
        .getHandle(workflowId)
        .describe()
        .catch(() => undefined),
    ),
  );
  return described
    .flatMap((description) => pendingOf(description?.raw.pendingActivities ?? []))
    .sort((a, b) => a.activity.localeCompare(b.activity) || a.queue.localeCompare(b.queue));
}

const states = proto.temporal.api.enums.v1.PendingActivityState;
const cancelling = states.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED;
const started = states.PENDING_ACTIVITY_STATE_STARTED;

type PendingActivity = NonNullable<WorkflowExecutionDescription['raw']['pendingActivities']>[number];

/** One that was asked to stop is not going on: where its node is away it stays listed beside its successor. */
export function pendingOf(activities: PendingActivity[]): Pending[] {
  return activities.filter(({ state }) => state !== cancelling).map(describePending);
}

function describePending(activity: PendingActivity): Pending {
  const progress = firstPayload(activity);
  const failed = activity.lastFailure?.message;
  return {
    activity: activity.activityType?.name ?? '',
    queue: activity.activityOptions?.taskQueue?.name ?? '',
    state: stateOf(activity),
    attempt: activity.attempt ?? 1,
    ...(progress === undefined ? {} : { progress }),
    ...(failed ? { lastFailure: failed } : {}),
  };
}

function stateOf({ state, nextAttemptScheduleTime }: PendingActivity): Pending['state'] {
  if (state === started) return 'running';
  return Number(nextAttemptScheduleTime?.seconds ?? 0) * 1_000 > Date.now()
    ? 'tries again'
    : 'waiting for its node or a free slot there';
}

function firstPayload({ heartbeatDetails }: PendingActivity): unknown {
  const data = heartbeatDetails?.payloads?.[0]?.data;
  if (data === null || data === undefined || data.length === 0) return undefined;
  return (JSON.parse(Buffer.from(data).toString('utf8')) as unknown) ?? undefined;
}
