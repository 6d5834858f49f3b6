import { expect, test } from '@jest/globals';
import { Autoscaler, quantity, targetsOf, type Sample } from '../../../../activities/edge/lib/autoscaling.ts';
import type { Autoscaling } from '../../../../crds/lib/kubernetes.ts';

const cpu = (target: object) => ({ type: 'Resource', resource: { name: 'cpu', target } });
const inFlight = (averageValue: unknown) => ({
  type: 'Pods',
  pods: { metric: { name: 'requests_in_flight' }, target: { type: 'AverageValue', averageValue } },
});

test('targets are a fair share per replica', () => {
  const targets = (metrics: Record<string, unknown>[] | undefined, request = 2) =>
    targetsOf({ maxReplicas: 3, ...(metrics && { metrics }) }, request, 'spec.edgeWorker.hpa');
  expect(targets(undefined)).toEqual([{ metric: 'cpu', perReplica: 1.6 }]);
  expect(targets([cpu({ averageUtilization: 50 }), inFlight('4')])).toEqual([
    { metric: 'cpu', perReplica: 1 },
    { metric: 'requests_in_flight', perReplica: 4 },
  ]);
  expect(targets([cpu({ averageValue: '500m' })])).toEqual([{ metric: 'cpu', perReplica: 0.5 }]);
});

test.each([
  [{ type: 'Resource', resource: { name: 'memory' } }, /hpa\.metrics\[0\]: .* does not scale by memory; it knows/],
  [{ type: 'Pods', pods: { metric: { name: 'queue_length' } } }, /does not scale by queue_length/],
  [{ type: 'External', external: {} }, /does not scale by External/],
  [{}, /does not scale by nothing/],
  [inFlight('0'), /hpa\.metrics\[0\]\.pods\.target: averageValue .* above zero/],
  [cpu({}), /hpa\.metrics\[0\]\.resource\.target/],
  [inFlight('4Gi'), /above zero/],
])('%j is refused by name', (metric, message) => {
  const act = () => targetsOf({ maxReplicas: 2, metrics: [metric] }, 1, 'spec.edgeWorker.hpa');
  expect(act).toThrow(message);
  expect(act).toThrow(expect.objectContaining({ type: 'InvalidSpec', nonRetryable: true }));
});

test('quantities', () => {
  expect([quantity('500m'), quantity('2'), quantity('1.5'), quantity('1k'), quantity(3)]).toEqual([
    0.5, 2, 1.5, 1000, 3,
  ]);
  expect(quantity('many')).toBeNaN();
});

class Clock {
  at = 0;
  readonly scaler: Autoscaler;

  constructor(spec: Omit<Autoscaling, 'metrics'>, replicas: number) {
    const metrics = [inFlight('4')];
    this.scaler = new Autoscaler({ ...spec, metrics }, targetsOf({ ...spec, metrics }, 1, ''), replicas);
  }

  /** So many seconds with this load; what is wanted then, and runs next. */
  run(seconds: number, load: number): number {
    let wanted = this.scaler.wanted;
    for (let i = 0; i < seconds; i++) {
      this.at += 1_000;
      const sample: Sample = { at: this.at, replicas: wanted, cpu: 0, inFlight: load };
      wanted = this.scaler.add(sample);
    }
    return wanted;
  }
}

test('up at once, within bounds; down only when nothing higher was right for the time of stabilisation', () => {
  const clock = new Clock({ maxReplicas: 5, behavior: { scaleDown: { stabilizationWindowSeconds: 60 } } }, 1);
  expect(clock.run(20, 4)).toBe(1);
  // Within a tenth of the target nothing changes.
  expect(clock.run(20, 4.3)).toBe(1);
  expect(clock.run(30, 11)).toBe(3);
  expect(clock.run(30, 1_000)).toBe(5);
  expect(clock.run(40, 0)).toBe(5);
  expect(clock.run(60, 0)).toBe(1);
});

test('a moment says nothing, and no replica is no reason to go on without one', () => {
  const clock = new Clock({ minReplicas: 0, maxReplicas: 5 }, 2);
  expect(clock.run(5, 100)).toBe(2);
  const idle = new Clock(
    { minReplicas: 0, maxReplicas: 5, behavior: { scaleDown: { stabilizationWindowSeconds: 0 } } },
    2,
  );
  expect(idle.run(60, 0)).toBe(1);
});

/** What each rule is for: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale (configurable scaling behavior). */
const policies = (...given: [type: 'Pods' | 'Percent', value: number, periodSeconds: number][]) =>
  given.map(([type, value, periodSeconds]) => ({ type, value, periodSeconds }));

test('up by four, or to twice as many, in 15 seconds, unless it is said otherwise', () => {
  const clock = new Clock({ maxReplicas: 50 }, 1);
  // After eight seconds enough is known.
  expect([clock.run(9, 1_000), clock.run(14, 1_000), clock.run(2, 1_000), clock.run(15, 1_000)]).toEqual([
    5, 5, 10, 20,
  ]);
});

test('policies bound both directions; the least of them where that is selected', () => {
  const clock = new Clock(
    {
      maxReplicas: 20,
      behavior: {
        scaleUp: { policies: policies(['Pods', 2, 30]) },
        scaleDown: {
          stabilizationWindowSeconds: 0,
          selectPolicy: 'Min',
          policies: policies(['Pods', 3, 10], ['Percent', 10, 10]),
        },
      },
    },
    4,
  );
  expect([clock.run(9, 1_000), clock.run(29, 1_000), clock.run(2, 1_000)]).toEqual([6, 6, 8]);
  expect(clock.run(250, 1_000)).toBe(20);
  // The mean over 15 seconds has to fall first; a tenth of 20 is less than three.
  expect(clock.run(30, 0)).toBeGreaterThanOrEqual(14);
  expect(clock.run(300, 0)).toBe(1);
});

test('up waits for its window as well, and either direction can be switched off', () => {
  const slow = new Clock({ maxReplicas: 5, behavior: { scaleUp: { stabilizationWindowSeconds: 60 } } }, 1);
  expect([slow.run(20, 4), slow.run(55, 12), slow.run(20, 12)]).toEqual([1, 1, 3]);
  const up = new Clock({ maxReplicas: 5, behavior: { scaleUp: { selectPolicy: 'Disabled' } } }, 2);
  expect(up.run(60, 1_000)).toBe(2);
  const off = { stabilizationWindowSeconds: 0, selectPolicy: 'Disabled' } as const;
  expect(new Clock({ maxReplicas: 5, behavior: { scaleDown: off } }, 2).run(60, 0)).toBe(2);
});

test('the tolerance of a direction', () => {
  expect(new Clock({ maxReplicas: 5 }, 2).run(30, 10)).toBe(3);
  expect(new Clock({ maxReplicas: 5, behavior: { scaleUp: { tolerance: '300m' } } }, 2).run(30, 10)).toBe(2);
});
