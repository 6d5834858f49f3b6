/** What the histories of a job's rounds say: who was asked when, what was answered, what was aggregated. */
import { defaultPayloadConverter } from '@temporalio/common';
import type { Client } from '@temporalio/client';
import { resetReason } from '../../../workers/lib/heal.ts';
import type { HistoryEvent } from '../../../workers/lib/reset-point.ts';
import type {
  AggregateInput,
  AggregateResult,
  TrainClientInput,
  TrainClientResult,
  TrainHeadInput,
  TrainHeadResult,
} from '../../../activities/contracts.ts';

export interface Step<I, R> {
  input: I;
  /** ms since 1970. */
  scheduledAt: number;
  completedAt?: number;
  result?: R;
  /** The workflow wanted it no more: what it was answered all the same counts for nobody. */
  givenUp?: true;
}

export interface RunHistory {
  trainings: Step<TrainClientInput, TrainClientResult>[];
  aggregations: Step<AggregateInput, AggregateResult>[];
  /** Of MistNet. */
  heads: Step<TrainHeadInput, TrainHeadResult>[];
  /** Of each run of the workflow. */
  events: number[];
}

interface Time {
  seconds?: unknown;
  nanos?: number | null;
}

/** Of the rounds of a job, one for each object that had its name, oldest first. Runs that were repeated from some task on count once. */
export async function runHistories(client: Client): Promise<RunHistory[]> {
  const runs: { workflowId: string; runId: string; startTime: Date }[] = [];
  for await (const { workflowId, runId, startTime } of client.workflow.list())
    if (workflowId.includes('/run/')) runs.push({ workflowId, runId, startTime });
  runs.sort((a, b) => a.startTime.getTime() - b.startTime.getTime());
  const found = new Map<string, RunHistory>();
  for (const { workflowId, runId } of runs) {
    const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    if (events?.at(-1)?.workflowExecutionTerminatedEventAttributes?.reason?.includes(resetReason)) continue;
    // What a cohort asks is asked for its run.
    const run = workflowId.replace(/\/cohort\/[^/]+$/, '');
    const history = found.get(run) ?? { trainings: [], aggregations: [], heads: [], events: [] };
    found.set(run, history);
    add(history, events ?? []);
  }
  return [...found.values()];
}

function add(history: RunHistory, events: HistoryEvent[]): void {
  const steps = stepsOf(events);
  const of = (name: string): Step<unknown, unknown>[] => steps.filter(({ type }) => type === name);
  history.trainings.push(...(of('trainClient') as RunHistory['trainings']));
  history.aggregations.push(...(of('aggregate') as RunHistory['aggregations']));
  history.heads.push(...(of('trainHead') as RunHistory['heads']));
  history.events.push(events.length);
}

function stepsOf(events: HistoryEvent[]): (Step<unknown, unknown> & { type: string })[] {
  const steps = new Map<string, Step<unknown, unknown> & { type: string }>();
  for (const event of events) {
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (scheduled) {
      const input = valueOf(scheduled.input?.payloads?.[0]);
      const type = String(scheduled.activityType?.name);
      steps.set(String(event.eventId), { type, input, scheduledAt: millis(event.eventTime) });
    }
    const unwanted = steps.get(String(event.activityTaskCancelRequestedEventAttributes?.scheduledEventId));
    if (unwanted) unwanted.givenUp = true;
    const completed = event.activityTaskCompletedEventAttributes;
    const step = completed && steps.get(String(completed.scheduledEventId));
    if (!step) continue;
    step.completedAt = millis(event.eventTime);
    step.result = valueOf(completed.result?.payloads?.[0]);
  }
  return [...steps.values()];
}

function valueOf(payload: Parameters<typeof defaultPayloadConverter.fromPayload>[0] | null | undefined): unknown {
  return payload ? defaultPayloadConverter.fromPayload(payload) : undefined;
}

function millis(time: Time | null | undefined): number {
  return Number(time?.seconds ?? 0) * 1_000 + (time?.nanos ?? 0) / 1e6;
}
