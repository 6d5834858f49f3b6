import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { divide, firstBatch, paceOf, type Answer } from '../../../../workflows/lib/federated/cohorts.ts';
import { listed } from '../../../../workflows/lib/federated/listing.ts';

describe('dividing clients', () => {
  const sizes = (clients: number, size: number) =>
    divide(
      Array.from({ length: clients }, (_, i) => i),
      { alone: 0, size },
    ).map(({ length }) => length);

  test.each([
    [8, 3, [3, 2, 3]],
    [6, 3, [3, 3]],
    [1, 3, [1]],
    [0, 3, []],
    [1_001, 500, [334, 333, 334]],
  ])('%i in cohorts of at most %i: %j', (clients, size, expected) => {
    expect(sizes(clients, size)).toEqual(expected);
  });

  test('each client is in one, in order; the sizes differ by one at most, and none is over the limit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3_000 }), fc.integer({ min: 1, max: 600 }), (clients, size) => {
        const all = Array.from({ length: clients }, (_, i) => i);
        const cohorts = divide(all, { alone: 0, size });
        expect(cohorts.flat()).toEqual(all);
        const lengths = cohorts.map(({ length }) => length);
        expect(Math.max(...lengths)).toBeLessThanOrEqual(size);
        expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('what is told at a time', () => {
  const answer = (client: string, message = ''): Answer => ({
    client,
    result: { refused: { reason: 'NotFinite', message }, client, node: 'n' },
  });
  const length = JSON.stringify(answer('0')).length;

  test('as many as fit, and one that is too long for any', () => {
    const answers = ['0', '1', '2'].map((client) => answer(client));
    expect(firstBatch(answers, 3 * length)).toEqual(answers);
    expect(firstBatch(answers, 3 * length - 1)).toEqual(answers.slice(0, 2));
    expect(firstBatch(answers, 1)).toEqual(answers.slice(0, 1));
    expect(firstBatch([], 1)).toEqual([]);
  });

  test('batch after batch all is told', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 50 })), fc.integer({ min: 1, max: 500 }), (messages, characters) => {
        let rest = messages.map((message, i) => answer(String(i), message));
        const told: Answer[] = [];
        for (let batches = 0; rest.length > 0; batches++) {
          expect(batches).toBeLessThan(messages.length);
          const batch = firstBatch(rest, characters);
          told.push(...batch);
          rest = rest.slice(batch.length);
        }
        expect(told.map(({ client }) => Number(client))).toEqual(messages.map((_, i) => i));
      }),
    );
  });

  test('the more cohorts, the more seldom each: the run hears ten times a second at most', () => {
    expect(paceOf(1)).toBe(200);
    expect(paceOf(2)).toBe(200);
    expect(paceOf(20)).toBe(2_000);
  });
});

test('a sentence names twenty, and says how many others there are', () => {
  const ids = Array.from({ length: 4_000 }, (_, i) => String(i));
  expect(listed(ids.slice(0, 3), ', ')).toBe('0, 1, 2');
  expect(listed(ids.slice(0, 20), ', ').split(', ')).toHaveLength(20);
  expect(listed(ids, ', ')).toMatch(/18, 19, and 3980 more$/);
});
