import { expect, test } from '@jest/globals';
import proto from '@temporalio/proto';
import { pendingOf } from '../../cli/lib/pending.ts';

const states = proto.temporal.api.enums.v1.PendingActivityState;
const activity = (state: number, more: object = {}) => ({
  activityType: { name: 'awaitTrigger' },
  activityOptions: { taskQueue: { name: 'edge/edge-1/resident' } },
  attempt: 1,
  state,
  ...more,
});

test('an activity that was asked to stop is not going on: its successor is listed once', () => {
  const pending = pendingOf([
    activity(states.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED),
    activity(states.PENDING_ACTIVITY_STATE_SCHEDULED),
  ]);
  expect(pending).toEqual([
    {
      activity: 'awaitTrigger',
      queue: 'edge/edge-1/resident',
      state: 'waiting for its node or a free slot there',
      attempt: 1,
    },
  ]);
});

test('an attempt that is still to come is told from one that nobody takes', () => {
  const at = (ms: number) => ({ nextAttemptScheduleTime: { seconds: Math.floor((Date.now() + ms) / 1_000) as never } });
  const scheduled = states.PENDING_ACTIVITY_STATE_SCHEDULED;
  const [running, later, nobody] = pendingOf([
    activity(states.PENDING_ACTIVITY_STATE_STARTED),
    activity(scheduled, { attempt: 2, ...at(60_000) }),
    activity(scheduled, { attempt: 2, ...at(-60_000) }),
  ]);
  expect([running?.state, later?.state, nobody?.state]).toEqual([
    'running',
    'tries again',
    'waiting for its node or a free slot there',
  ]);
});
