import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  deltaMetrics,
  evaluateCondition,
  evaluateTrigger,
  metricValue,
  windowState,
} from '../../../workflows/lib/trigger.ts';

const at = (iso: string): number => Date.parse(iso);

describe('window', () => {
  const cases: [string, string, string, string | undefined, boolean][] = [
    ['01:00', '02:00', '2026-03-01T00:59:59.999Z', undefined, false],
    ['01:00', '02:00', '2026-03-01T01:00:00Z', undefined, true],
    ['01:00', '02:00', '2026-03-01T02:00:59.999Z', undefined, true],
    ['01:00', '02:00', '2026-03-01T02:01:00Z', undefined, false],
    ['22:00', '02:00', '2026-03-01T23:30:00Z', undefined, true],
    ['22:00', '02:00', '2026-03-01T00:00:00Z', undefined, true],
    ['22:00', '02:00', '2026-03-01T12:00:00Z', undefined, false],
    ['20:00', '24:00', '2026-03-01T23:59:59Z', undefined, true],
    ['20:00', '24:00', '2026-03-02T00:00:00Z', undefined, false],
    ['07:30', '07:30', '2026-03-01T07:30:30Z', undefined, true],
    ['07:30', '07:30', '2026-03-01T07:31:00Z', undefined, false],
    ['00:00', '24:00', '2026-03-01T00:00:00Z', undefined, true],
    // Berlin is UTC+1 in winter and UTC+2 from 29 March 2026 on.
    ['02:00', '04:00', '2026-03-28T01:30:00Z', 'Europe/Berlin', true],
    ['02:00', '04:00', '2026-03-30T02:30:00Z', 'Europe/Berlin', false],
    ['02:00', '04:00', '2026-03-30T00:30:00Z', 'Europe/Berlin', true],
    // 02:30 does not exist in the night of the change, 03:30 comes right after it.
    ['02:15', '02:45', '2026-03-29T01:30:00Z', 'Europe/Berlin', false],
    ['03:00', '03:30', '2026-03-29T01:30:00Z', 'Europe/Berlin', true],
    // In autumn 02:30 comes twice.
    ['02:15', '02:45', '2026-10-25T00:30:00Z', 'Europe/Berlin', true],
    ['02:15', '02:45', '2026-10-25T01:30:00Z', 'Europe/Berlin', true],
    ['05:00', '06:00', '2026-03-01T23:45:00Z', 'Asia/Kolkata', true],
  ];
  test.each(cases)('%s-%s at %s %s: open %s', (start, end, now, timeZone, open) => {
    const timer = { start, end, ...(timeZone === undefined ? {} : { timeZone }) };
    expect(windowState(timer, at(now)).open).toBe(open);
  });

  test('no timer is always open', () => {
    expect(windowState(undefined, 0)).toEqual({ open: true, opensIn: 0 });
  });

  test('it is closed until it says that it opens, to the minute', () => {
    const clock = fc
      .tuple(fc.nat(23), fc.nat(59))
      .map((parts) => parts.map((n) => String(n).padStart(2, '0')).join(':'));
    fc.assert(
      fc.property(clock, clock, fc.nat(2_000_000_000_000), (start, end, now) => {
        const { open, opensIn } = windowState({ start, end }, now);
        if (open) return opensIn === 0;
        const before = windowState({ start, end }, now + opensIn - 1);
        return opensIn > 0 && opensIn <= 86_400_000 && !before.open && windowState({ start, end }, now + opensIn).open;
      }),
    );
  });
});

describe('condition', () => {
  const cases: [string, number, number, boolean][] = [
    ['gt', 1.1, 1, true],
    ['>', 1, 1, false],
    ['>', 1 + 9e-7, 1, false],
    ['>', 1 + 2e-6, 1, true],
    ['ge', 1 - 9e-7, 1, true],
    ['>=', 1 - 2e-6, 1, false],
    ['eq', 1 + 9e-7, 1, true],
    ['=', 1 + 2e-6, 1, false],
    ['==', 1, 1, true],
    ['ne', 1 + 9e-7, 1, false],
    ['!=', 1 + 2e-6, 1, true],
    ['le', 1 + 9e-7, 1, true],
    ['<=', 1 + 2e-6, 1, false],
    ['lt', 1 - 9e-7, 1, false],
    ['<', 1 - 2e-6, 1, true],
    ['~', 1, 1, false],
    ['constructor', 1, 1, false],
  ];
  test.each(cases)('%s: %d against %d is %s', (operator, value, threshold, met) => {
    expect(evaluateCondition({ operator, metric: 'm', threshold }, { m: value })).toEqual({ met, value });
  });

  const metrics = { n: 3, list: [1, 2, 3], text: '4.5', blank: ' ', words: 'x', none: [], holes: [1, NaN] };
  const values: [string, number | undefined][] = [
    ['n', 3],
    ['list', 3],
    ['list[0]', 1],
    ['list[3]', undefined],
    ['n[0]', undefined],
    ['text', 4.5],
    ['blank', undefined],
    ['words', undefined],
    ['none', undefined],
    ['holes[1]', undefined],
    ['absent', undefined],
    ['toString', undefined],
    ['list[-1]', undefined],
    ['list[', undefined],
    ['', undefined],
  ];
  test.each(values)('metric %s is %s', (metric, value) => expect(metricValue(metric, metrics)).toBe(value));

  test('a missing metric never fires', () => {
    for (const operator of ['gt', 'ge', 'eq', 'ne', 'le', 'lt']) {
      expect(evaluateCondition({ operator, metric: 'absent', threshold: 0 }, metrics)).toEqual({ met: false });
    }
  });
});

test('a trigger fires when the window is open and the condition is met', () => {
  const condition = { operator: '>', metric: 'n', threshold: 1 };
  const timer = { start: '01:00', end: '02:00' };
  const fired = (n: number, now: string) => evaluateTrigger({ timer, condition }, { n }, at(now)).fired;
  expect(fired(2, '2026-01-01T01:30:00Z')).toBe(true);
  expect(fired(1, '2026-01-01T01:30:00Z')).toBe(false);
  expect(fired(2, '2026-01-01T03:30:00Z')).toBe(false);
});

test('deltas are new minus old, element by element, where both have the metric', () => {
  expect(deltaMetrics({ a: [3, 5, 9], b: [1] }, { a: [1, 2], c: [7] })).toEqual({
    a: [3, 5, 9],
    a_delta: [2, 3],
    b: [1],
  });
});
