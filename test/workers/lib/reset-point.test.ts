import { expect, test } from '@jest/globals';
import type { temporal } from '@temporalio/proto';
import { resetPoint } from '../../../workers/lib/reset-point.ts';

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

const nonDeterministic = 24;
const event = (eventId: number, attributes: HistoryEvent): HistoryEvent => ({
  eventId: eventId as never,
  ...attributes,
});
const completed = (id: number) => event(id, { workflowTaskCompletedEventAttributes: {} });
const scheduled = (id: number) => event(id, { activityTaskScheduledEventAttributes: {} });
const child = (id: number) =>
  event(id, { startChildWorkflowExecutionInitiatedEventAttributes: { workflowId: 'round/1' } });
const signal = (id: number) => event(id, { workflowExecutionSignaledEventAttributes: {} });
const failed = (id: number, message: string, cause = nonDeterministic) =>
  event(id, { workflowTaskFailedEventAttributes: { cause: cause as never, failure: { message } } });

/** As the fault campaign has seen it: the commands of the task that ended with 257 are in another order. */
const message =
  '[TMPRL1100] Nondeterminism error: UpsertWorkflowSearchAttributesMachine does not handle this event: HistoryEvent(id: 258, ActivityTaskScheduled)';
const seen = [child(230), completed(239), completed(257), scheduled(258), completed(270), signal(271)];

test('the task whose commands do not match is repeated, not a later one', () => {
  expect(resetPoint([...seen, failed(275, message)])).toEqual({ finishEventId: 257, problem: message });
});

test('a child that was started since keeps it from being repeated', () => {
  expect(resetPoint([...seen, child(272), failed(275, message)])).toMatchObject({
    finishEventId: 257,
    refused: expect.stringContaining('round/1'),
  });
});

test('a message without event means the last task', () => {
  expect(resetPoint([...seen, failed(275, 'Nondeterminism error')])).toMatchObject({ finishEventId: 270 });
});

test('tasks that failed otherwise, or have succeeded since, are left alone', () => {
  expect(resetPoint(seen)).toBeUndefined();
  expect(resetPoint([...seen, failed(275, 'out of memory', 4)])).toBeUndefined();
  expect(resetPoint([...seen, failed(275, message), completed(278)])).toBeUndefined();
});
