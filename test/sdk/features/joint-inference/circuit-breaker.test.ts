import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CircuitBreaker } from '../../../../sdk/features/joint-inference/circuit-breaker.ts';

function breaker(failures = 3, retryAfterMs = 500) {
  let time = 0;
  const opened: number[] = [];
  const made = new CircuitBreaker({ failures, retryAfterMs, now: () => time, onOpen: () => opened.push(time) });
  return { breaker: made, opened, pass: (milliseconds: number) => (time += milliseconds) };
}

test('opens after three failures in a row, lets one through after the time, and closes when that one succeeds', () => {
  const { breaker: circuit, opened, pass } = breaker();
  const [a, b, c, d] = [circuit.enter(), circuit.enter(), circuit.enter(), circuit.enter()];
  a?.failed();
  b?.failed();
  expect(circuit.state()).toBe('closed');
  c?.failed();
  expect(circuit.state()).toBe('open');
  d?.succeeded(); // it was asked before
  expect(circuit.enter()).toBeUndefined();
  pass(500);
  expect(circuit.state()).toBe('half-open');
  const probe = circuit.enter();
  expect(circuit.enter()).toBeUndefined();
  probe?.failed();
  expect(circuit.state()).toBe('open');
  pass(500);
  circuit.enter()?.succeeded();
  expect(circuit.state()).toBe('closed');
  expect(opened).toEqual([0, 500]);
});

test('a success in between starts the count anew; only the first word about a request counts', () => {
  const { breaker: circuit } = breaker(2);
  const failing = circuit.enter();
  failing?.failed();
  failing?.failed();
  circuit.enter()?.succeeded();
  circuit.enter()?.failed();
  expect(circuit.state()).toBe('closed');
});

test('a probe that nobody waited for leaves the question open, for the next one', () => {
  const { breaker: circuit, pass } = breaker(1);
  circuit.enter()?.failed();
  pass(500);
  circuit.enter()?.abandoned();
  expect(circuit.state()).toBe('half-open');
  circuit.enter()?.succeeded();
  expect(circuit.state()).toBe('closed');
});

test('whatever happens: a closed circuit lets all through, an open one none, a half-open one at most one at a time', () => {
  const step = fc.oneof(
    fc.constant({ enter: true as const }),
    fc.record({ end: fc.nat(10), how: fc.constantFrom('succeeded', 'failed', 'abandoned') }),
    fc.record({ pass: fc.nat(700) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { breaker: circuit, pass } = breaker(2);
      const permits: NonNullable<ReturnType<CircuitBreaker['enter']>>[] = [];
      for (const next of steps) {
        if ('pass' in next) pass(next.pass);
        else if ('end' in next) permits.splice(next.end % Math.max(1, permits.length), 1)[0]?.[next.how as 'failed']();
        else {
          const before = circuit.state();
          const permit = circuit.enter();
          if (before === 'closed') expect(permit).toBeDefined();
          if (before === 'open') expect(permit).toBeUndefined();
          if (before !== 'closed') expect(circuit.enter()).toBeUndefined();
          if (permit) permits.push(permit);
        }
      }
      for (const permit of permits) permit.abandoned();
      pass(500);
      circuit.enter()?.succeeded();
      expect(circuit.state()).toBe('closed');
    }),
  );
});
