import { describe, expect, test } from '@jest/globals';
import { admit, type Desired } from '../../../workflows/lib/desired.ts';
import type { ApplyMessage } from '../../../workflows/lib/messages.ts';

const blob = (digit: string) => ({ uri: `file:///${digit}`, sha256: digit.repeat(64), bytes: 1 });
const never = (): string => {
  throw new Error('no new uid is needed');
};
const cluster: Desired<unknown> = { origin: 'kubernetes', uid: 'a', generation: 5, fields: { f: 0 } };
const alone: Desired<unknown> = {
  origin: 'standalone',
  uid: 'x',
  generation: 2,
  manifest: blob('1'),
  fields: { f: 0 },
};
const message = (change: Partial<ApplyMessage>): ApplyMessage => ({
  origin: 'kubernetes',
  fields: { f: 1 },
  ...change,
});

describe('Kubernetes', () => {
  test.each([
    ['first', undefined, { uid: 'a', generation: 3 }, { kind: 'accept', desired: { uid: 'a', generation: 3 } }],
    ['first, no generation', undefined, { uid: 'a' }, { kind: 'accept', desired: { generation: 1 } }],
    ['newer', cluster, { uid: 'a', generation: 6 }, { kind: 'accept', desired: { generation: 6, fields: { f: 1 } } }],
    ['same', cluster, { uid: 'a', generation: 5 }, { kind: 'ignore' }],
    [
      'same, but stored before its kind was known',
      { ...cluster, fields: {} },
      { uid: 'a', generation: 5 },
      { kind: 'accept' },
    ],
    [
      'older, stored before its kind was known',
      { ...cluster, fields: {} },
      { uid: 'a', generation: 4 },
      { kind: 'ignore' },
    ],
    ['older', cluster, { uid: 'a', generation: 4 }, { kind: 'ignore' }],
    ['another uid', cluster, { uid: 'b', generation: 1 }, { kind: 'replace' }],
    ['takes over a standalone one', alone, { uid: 'a', generation: 1 }, { kind: 'replace' }],
  ] as [string, Desired<unknown> | undefined, Partial<ApplyMessage>, object][])(
    '%s',
    (_name, before, change, verdict) => {
      expect(admit(before, message(change), never)).toMatchObject(verdict);
    },
  );
});

describe('standalone', () => {
  const standalone = (change: Partial<ApplyMessage>) => message({ origin: 'standalone', ...change });
  test('the first one gets a uid and generation 1', () => {
    expect(admit(undefined, standalone({ manifest: blob('1') }), () => 'new')).toMatchObject({
      kind: 'accept',
      desired: { uid: 'new', generation: 1 },
    });
  });
  test('equal content is nothing new, other content is the next generation of the same uid', () => {
    expect(admit(alone, standalone({ manifest: blob('1') }), never)).toEqual({ kind: 'ignore' });
    expect(admit(alone, standalone({ manifest: blob('2') }), never)).toMatchObject({
      kind: 'accept',
      desired: { uid: 'x', generation: 3 },
    });
  });
  test('without manifest the fields are the content', () => {
    const registered = { ...alone, manifest: undefined, fields: { f: 1 } };
    expect(admit(registered as Desired<unknown>, standalone({}), never)).toEqual({ kind: 'ignore' });
    expect(admit(registered as Desired<unknown>, standalone({ fields: { f: 2 } }), never).kind).toBe('accept');
  });
  test("a cluster's object is not edited past the cluster", () => {
    expect(admit(cluster, standalone({ manifest: blob('2') }), never)).toEqual({ kind: 'ignore' });
  });
  test('an invalid manifest is accepted with its errors, a valid one without', () => {
    const invalid = [{ path: 'spec.url', message: 'is required' }];
    expect(admit(undefined, standalone({ invalid }), () => 'n')).toMatchObject({ desired: { invalid } });
    expect(admit(undefined, standalone({ invalid: [] }), () => 'n')).not.toHaveProperty('desired.invalid');
  });
});
