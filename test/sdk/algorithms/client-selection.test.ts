import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { selectClients } from '../../../sdk/index.ts';
import type { ClientFacts, SelectionRequest } from '../../../sdk/index.ts';

const clients: ClientFacts[] = Array.from({ length: 6 }, (_, i) => ({
  client: `00${i}`,
  labels: { site: i < 4 ? 'north' : 'south' },
  samples: [10, 10, 10, 10, 1000, 0][i] as number,
  failures: i === 0 ? 3 : 0,
}));
const ids = clients.map(({ client }) => client);

const ask = (name: string | undefined, parts: Partial<SelectionRequest> = {}): string[] =>
  selectClients(name, { clients, round: 1, seed: 0, ...parts });

/** How often each client is chosen in many rounds. */
function counts(name: string, parts: Partial<SelectionRequest>, rounds = 2000): number[] {
  const found = new Map(ids.map((client) => [client, 0]));
  for (let round = 1; round <= rounds; round++) {
    for (const client of ask(name, { round, ...parts })) found.set(client, (found.get(client) ?? 0) + 1);
  }
  return [...found.values()];
}

test('All: every client, in order, whatever else is asked', () => {
  expect(ask(undefined)).toEqual(ids);
  expect(ask('All', { perRound: 2, clients: clients.toReversed() })).toEqual(ids);
});

test.each(['Random', 'ByDataSize', 'ByFailures'])(
  '%s: as many as asked, each once, known, in order, the same again',
  (name) => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 1, max: 5 }),
        (seed, round, perRound) => {
          const chosen = ask(name, { seed, round, perRound });
          expect(chosen).toHaveLength(perRound);
          expect(chosen).toEqual(ids.filter((client) => chosen.includes(client)));
          expect(ask(name, { seed, round, perRound, clients: clients.toReversed() })).toEqual(chosen);
        },
      ),
    );
  },
);

test('Random: each client as often as the others; rounds and seeds differ', () => {
  for (const count of counts('Random', { perRound: 3 })) expect(Math.abs(count - 1000)).toBeLessThan(110);
  const of = (parts: Partial<SelectionRequest>) =>
    Array.from({ length: 20 }, (_, i) => ask('Random', { perRound: 3, round: i + 1, ...parts }).join());
  expect(new Set(of({})).size).toBeGreaterThan(5);
  expect(of({ seed: 1 })).not.toEqual(of({ seed: 2 }));
});

test('ByLabel: only clients with the label', () => {
  expect(ask('ByLabel', { parameters: { key: 'site', value: 'south' } })).toEqual(['004', '005']);
  expect(ask('ByLabel', { parameters: { key: 'site' } })).toEqual(ids);
  expect(ask('ByLabel', { parameters: { key: 'toString' } })).toEqual([]);
  expect(() => ask('ByLabel')).toThrow('spec.clientSelection.parameters.key: is missing');
});

test('ByDataSize: in proportion to the samples, never without any, unknown as the mean', () => {
  const [small = 0, , , , large = 0, none = 0] = counts('ByDataSize', { perRound: 1 });
  expect(large / 2000).toBeGreaterThan(0.93);
  expect(large / 2000).toBeLessThan(0.99);
  expect(small).toBeGreaterThan(0);
  expect(none).toBe(0);
  expect(ask('ByDataSize', { parameters: { minSamples: '11' } })).toEqual(['004']);
  expect(ask('ByDataSize', { clients: [{ client: '000' }, { client: '001' }], perRound: 2 })).toEqual(['000', '001']);
});

describe('ByFailures', () => {
  test('three failures: an eighth as likely', () => {
    const [failed = 0, ...others] = counts('ByFailures', { perRound: 1 });
    const mean = others.reduce((sum, count) => sum + count, 0) / others.length;
    expect(failed / mean).toBeGreaterThan(0.06);
    expect(failed / mean).toBeLessThan(0.22);
  });

  test('never beyond the limit', () => {
    expect(ask('ByFailures', { parameters: { maxFailures: 2 } })).toEqual(ids.slice(1));
    expect(ask('ByFailures', { parameters: { maxFailures: 3 } })).toEqual(ids);
    expect(() => ask('ByFailures', { parameters: { penalty: 'x' } })).toThrow(
      'spec.clientSelection.parameters.penalty: must be a number',
    );
  });
});

test('an unknown name lists the known ones', () => {
  expect(() => ask('Best')).toThrow('registered: All, ByDataSize, ByFailures, ByLabel, Random');
});
