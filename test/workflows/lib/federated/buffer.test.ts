import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { AcceptedUpdate } from '../../../../activities/contracts.ts';
import {
  bufferOf,
  bufferedUpdates,
  idle,
  ofClients,
  tooStale,
  turnOf,
  waitingForBuffer,
} from '../../../../workflows/lib/federated/buffer.ts';
import { neededClients } from '../../../../workflows/lib/federated/quorum.ts';
import { seedOf } from '../../../../workflows/lib/federated/settings.ts';
import type { LateUpdate, OpenRound, RunPlan } from '../../../../workflows/lib/federated/state.ts';

const base = { uri: 'file:///w', sha256: 'w', bytes: 1 };
const task = (client: string, round: number, turn?: number): LateUpdate => ({
  ...{ client, dataset: `d${client}`, round, base, settings: {} },
  ...(turn === undefined ? {} : { turn }),
});
const done = (client: string, round: number, turn?: number): LateUpdate => ({
  ...task(client, round, turn),
  update: { client, samples: round * 10 + (turn ?? 0) } as AcceptedUpdate,
});
const round = (change: Partial<OpenRound> = {}): OpenRound => ({
  ...{ round: 5, generation: 1, selected: ['00', '01'], accepted: [], refused: [], startedAt: 0 },
  buffer: { size: 3 },
  ...change,
});

test('only FedBuff has a buffer; no limit of staleness unless it says one', () => {
  const of = (strategy: string, parameters = {}) =>
    bufferOf({ aggregation: { templateDigest: '', strategy, parameters } });
  expect(of('FedAvg', { bufferSize: 3 })).toBeUndefined();
  expect(of('FedBuff', { bufferSize: 3 })).toEqual({ size: 3 });
  expect(of('FedBuff', { bufferSize: 3, maxStaleness: 0 })).toEqual({ size: 3, maxStaleness: 0 });
  expect(tooStale([task('00', 1)], round())).toEqual([]);
  expect(tooStale([task('00', 2), done('01', 3)], round({ buffer: { size: 3, maxStaleness: 2 } }))).toEqual([
    task('00', 2),
  ]);
});

test('a client is asked when it is neither at work nor refused, and from its second task of a round on with another seed', () => {
  const refused = [{ client: '02', problem: { reason: 'NotFinite', message: 'NaN' } }];
  const entries = [task('00', 3), done('01', 5), done('01', 5, 1), done('01', 4)];
  expect(idle(['00', '01', '02', '03'], entries, round({ refused }))).toEqual(['01', '03']);
  expect(turnOf('01', entries, 5)).toBe(2);
  expect(turnOf('03', entries, 5)).toBe(0);
  expect(seedOf(7, '01', 5, 0)).toBe(seedOf(7, '01', 5));
  expect(new Set([0, 1, 2].map((turn) => seedOf(7, '01', 5, turn))).size).toBe(3);
});

test('entries are of clients that are still what they were', () => {
  const clients = [
    { client: '00', dataset: 'd00' },
    { client: '01', dataset: 'other' },
  ];
  expect(ofClients([task('00', 4), task('01', 4), task('02', 4)], clients)).toEqual([task('00', 4)]);
});

test('what is aggregated does not follow from the order of arrival; the staleness is the rounds since', () => {
  const entries = [done('00', 4), done('00', 5), done('00', 5, 1), done('01', 2), done('10', 5)];
  const expected = [
    ['00', 1, 40],
    ['00', 0, 50],
    ['00', 0, 51],
    ['01', 3, 20],
    ['10', 0, 50],
  ];
  fc.assert(
    fc.property(fc.shuffledSubarray(entries, { minLength: entries.length }), (buffered) => {
      const updates = bufferedUpdates(round({ buffered }));
      expect(updates.map(({ client, staleness = 0, samples }) => [client, staleness, samples])).toEqual(expected);
      expect(updates.map((update) => update.base !== undefined)).toEqual([true, false, false, true, false]);
    }),
  );
});

describe('what it waits for', () => {
  test('nothing, when it is full', () => {
    expect(waitingForBuffer(round(), [done('00', 5), done('00', 5, 1), done('01', 5)], ['00'])).toBeUndefined();
  });

  test('those at work; or a person, when nobody may be asked', () => {
    expect(waitingForBuffer(round(), [done('00', 5), task('01', 3)], ['00', '01'])).toMatchObject({
      ...{ reason: 'Collecting', have: 1, need: 3, missing: ['01'] },
      message: 'round 5: 1 of 3 updates are in the buffer; at work: 01',
    });
    const refused = [{ client: '00', problem: { reason: 'NotFinite', message: 'w holds NaN' } }];
    expect(waitingForBuffer(round({ refused }), [], ['00'])).toMatchObject({
      reason: 'QuorumLost',
      message: 'round 5: 0 of 3 updates are in the buffer; client 00 was refused: w holds NaN',
    });
  });

  test('no quorum: one client is enough to begin, unless minClientsToStart says more', () => {
    const plan = (minClientsToStart?: number) =>
      ({
        clients: [1, 2, 3],
        fields: { aggregation: { strategy: 'FedBuff', parameters: { bufferSize: 9 } }, rounds: { minClientsToStart } },
      }) as unknown as RunPlan;
    expect([neededClients(plan(), 0), neededClients(plan(2), 0), neededClients(plan(2), 1)]).toEqual([1, 2, 1]);
  });
});
