import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { validateManifest } from '../../crds/validate.ts';
import { evaluateTrigger, windowState, type MetricValues, type Trigger } from '../../workflows/lib/trigger.ts';
import { accepted } from '../corpus/lib/manifests.ts';
import { boundMs, odd, params } from './lib/fuzz.ts';

const day = 24 * 60 * 60_000;
const job = accepted.find(({ value }) => value['kind'] === 'IncrementalLearningJob')?.value;

/** Nearly right, so that many are accepted. */
const clock = fc.oneof(
  fc.tuple(fc.nat(25), fc.nat(60)).map(([h, m]) => `${String(h).padStart(2, '0')}:${String(m).padStart(2, '0')}`),
  odd,
);
const zone = fc.constantFrom(
  undefined,
  'UTC',
  'Europe/Berlin',
  'Asia/Kathmandu',
  'Australia/Lord_Howe',
  'Mars/X',
  '../x',
);
const timer = fc.record({ start: clock, end: clock, timeZone: zone }, { requiredKeys: ['start', 'end'] });
const condition = fc.record({
  operator: fc.constantFrom(
    'gt',
    '>',
    'ge',
    '>=',
    'eq',
    '=',
    '==',
    'ne',
    '!=',
    'le',
    '<=',
    'lt',
    '<',
    '=>',
    'constructor',
  ),
  metric: fc.oneof(
    fc.constantFrom('n', 'm[0]', 'm[999999999]', 'm[-1]', 'm[', '__proto__', 'constructor'),
    fc.string(),
  ),
  threshold: fc.oneof(fc.double(), fc.integer(), odd),
});
const trigger = fc.record(
  { checkPeriodSeconds: fc.oneof(fc.nat(), odd), timer: fc.oneof(timer, odd), condition },
  { requiredKeys: ['condition'] },
);
const metrics = fc.dictionary(
  fc.constantFrom('n', 'm', '__proto__', 'constructor', 'x'),
  fc.oneof(fc.double(), fc.array(fc.double(), { maxLength: 3 }), fc.string(), odd),
);

function accept(candidate: unknown): Trigger | undefined {
  const value = structuredClone(job) as { spec: { deploySpec: { trigger: unknown } } };
  value.spec.deploySpec.trigger = candidate;
  const verdict = validateManifest(value);
  if (verdict.ok) return (verdict.manifest.spec as { deploySpec: { trigger: Trigger } }).deploySpec.trigger;
  for (const { path } of verdict.errors) expect(path).toMatch(/^spec\.deploySpec\.trigger/);
  return undefined;
}

test(
  'what is accepted can be evaluated at any time with any metrics',
  () => {
    let evaluated = 0;
    const instant = fc.integer({ min: 0, max: 4_102_444_800_000 });
    const property = fc.property(trigger, metrics, instant, (candidate, values, now) => {
      const found = accept(candidate);
      if (found === undefined) return;
      evaluated += 1;
      const verdict = evaluateTrigger(found, values as MetricValues, now);
      expect(evaluateTrigger(found, values as MetricValues, now)).toEqual(verdict);
      expect(verdict.fired).toBe(verdict.window.open && verdict.condition.met);
      if (verdict.condition.value !== undefined) expect(Number.isFinite(verdict.condition.value)).toBe(true);
      if (verdict.condition.met) expect(verdict.condition.value).toBeDefined();
      const { open, opensIn } = verdict.window;
      expect(opensIn).toBeGreaterThanOrEqual(0);
      expect(opensIn).toBeLessThanOrEqual(day);
      expect(opensIn === 0).toBe(open);
      // Clocks of zones are changed now and then; in UTC the window is open when it was said to be.
      if ((found.timer?.timeZone ?? 'UTC') === 'UTC') expect(windowState(found.timer, now + opensIn).open).toBe(true);
    });
    fc.assert(property, params(400));
    expect(evaluated).toBeGreaterThan(0);
  },
  boundMs,
);
