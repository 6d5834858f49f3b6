import { expect, test } from '@jest/globals';
import { clip, deriveStatus, maxConditions, type Condition, type StatusDraft } from '../../../workflows/lib/status.ts';

const draft: StatusDraft = {
  phase: 'Waiting',
  progressing: { status: false, reason: 'Waiting' },
  available: { status: true, reason: 'Serving', message: 'here' },
};
const ref = { kind: 'Model', namespace: 'default', name: 'm' };
const context = (minute: number) => ({ ref, generation: 3, handledVerbs: {}, now: `2026-01-01T00:0${minute}:00.000Z` });
const conditions = (status: Record<string, unknown>) => status['conditions'] as Condition[];

test('roll-ups come first, so the last condition is the state of the stage', () => {
  const stages = [{ type: 'Waiting', status: 'True' as const, stage: 'Train' }];
  const { status } = deriveStatus({ ...draft, stages }, { rollups: {} }, context(0));
  expect(conditions(status).map(({ type, status: value }) => `${type} ${value}`)).toEqual([
    'Progressing False',
    'Available True',
    'Degraded False',
    'Suspended False',
    'Waiting True',
  ]);
  expect(status).toMatchObject({ phase: 'Waiting', observedGeneration: 3, waitingFor: null });
  expect(status).not.toHaveProperty('handledVerbs');
});

test('a transition time changes with the status only, since with the reason only', () => {
  const waitingFor = { reason: 'ThresholdNotReached', message: '1 of 8' };
  const first = deriveStatus({ ...draft, waitingFor }, { rollups: {} }, context(0));
  const more = { ...waitingFor, message: '2 of 8' };
  const second = deriveStatus(
    {
      ...draft,
      waitingFor: more,
      available: { status: false, reason: 'Gone' },
      progressing: { status: false, reason: 'Other' },
    },
    first.transitions,
    context(1),
  );
  const [progressing, available] = conditions(second.status);
  expect(progressing).toMatchObject({ reason: 'Other', lastTransitionTime: context(0).now });
  expect(available).toMatchObject({ status: 'False', lastTransitionTime: context(1).now });
  expect(second.status['waitingFor']).toEqual({
    ...more,
    since: context(0).now,
    cure: 'wait for more samples, or sedna trigger model/m',
    more: 'docs/errors.md#thresholdnotreached',
  });
  const third = deriveStatus(
    { ...draft, waitingFor: { reason: 'Paused', message: '' } },
    second.transitions,
    context(2),
  );
  expect(third.status['waitingFor']).toMatchObject({ since: context(2).now });
  expect(deriveStatus(draft, third.transitions, context(3)).status['waitingFor']).toBeNull();
});

test('at most 50 conditions, the newest of the stages, and bounded messages', () => {
  const stages = Array.from({ length: 200 }, (_, i) => ({ type: `T${i}`, status: 'True' as const, stage: 'Train' }));
  const long = 'x'.repeat(5_000);
  const { status } = deriveStatus(
    {
      ...draft,
      stages,
      waitingFor: { reason: 'R', message: long },
      available: { status: true, reason: 'R', message: long },
    },
    { rollups: {} },
    context(0),
  );
  expect(conditions(status)).toHaveLength(maxConditions);
  expect(conditions(status).at(-1)?.type).toBe('T199');
  expect(conditions(status)[1]?.message).toHaveLength(1024);
  expect((status['waitingFor'] as { message: string }).message).toHaveLength(1024);
  expect(clip('short')).toBe('short');
});

test('handled verbs and fields are published', () => {
  const { status } = deriveStatus(
    { ...draft, fields: { round: 2 } },
    { rollups: {} },
    { ...context(0), handledVerbs: { trigger: 'a' } },
  );
  expect(status).toMatchObject({ round: 2, handledVerbs: { trigger: 'a' } });
});
