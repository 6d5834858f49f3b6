import { expect, test } from '@jest/globals';
import type { ReportedModel } from '../../../../activities/contracts.ts';
import { judge } from '../../../../workflows/lib/incremental/deployment.ts';
import { evaluateTrigger, type Trigger } from '../../../../workflows/lib/trigger.ts';

const now = Date.parse('2026-01-01T12:00:00Z');
const clock = {
  judgeTrigger: async ({ trigger, metrics }: Parameters<Parameters<typeof judge>[0]['judgeTrigger']>[0]) =>
    evaluateTrigger(trigger, metrics, now),
};
const model = (metrics: Record<string, number[]>): ReportedModel => ({ format: 'onnx', url: '/m', metrics });
const trigger = (change: Partial<Trigger['condition']>, timer?: Trigger['timer']): Trigger => ({
  condition: { operator: '>', metric: 'acc_delta', threshold: 0.05, ...change },
  ...(timer === undefined ? {} : { timer }),
});
const better = [model({ acc: [0.1, 0.9] }), model({ acc: [0.2, 0.8] })];

test.each([
  ['better', trigger({}), better, 'Deployed', 'deployed: acc_delta = 0.1, wanted > 0.05'],
  [
    'by index',
    trigger({ metric: 'acc_delta[0]' }),
    better,
    'ThresholdNotReached',
    'not deployed: acc_delta[0] = -0.1, wanted > 0.05',
  ],
  [
    'its own value',
    trigger({ metric: 'acc', operator: 'ge', threshold: 0.9 }),
    better,
    'Deployed',
    'deployed: acc = 0.9, wanted ge 0.9',
  ],
  [
    'missing',
    trigger({ metric: 'f1' }),
    better,
    'MetricMissing',
    'not deployed: no metric f1; reported: acc, acc_delta',
  ],
  [
    'nothing reported',
    trigger({}),
    [model({}), model({})],
    'MetricMissing',
    'not deployed: no metric acc_delta; reported: none',
  ],
  [
    'window',
    trigger({}, { start: '01:00', end: '02:00', timeZone: 'Asia/Tokyo' }),
    better,
    'WindowClosed',
    'not deployed: the window 01:00-02:00 Asia/Tokyo is closed (acc_delta = 0.1, wanted > 0.05)',
  ],
] as [string, Trigger, ReportedModel[], string, string][])('%s', async (_name, wanted, evaluated, reason, message) => {
  expect(await judge(clock, wanted, evaluated)).toEqual({ deploy: reason === 'Deployed', reason, message });
});
