import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { AcceptedUpdate } from '../../../../activities/contracts.ts';
import { countedUpdates, lateFor, standIns } from '../../../../workflows/lib/federated/late.ts';
import { verdictOn } from '../../../../workflows/lib/federated/quorum.ts';
import type { LateUpdate, OpenRound } from '../../../../workflows/lib/federated/state.ts';

const update = (client: string) => ({ client, samples: 1 }) as AcceptedUpdate;
const base = { uri: 'file:///w', sha256: 'w', bytes: 1 };
const late = (client: string, change: Partial<LateUpdate> = {}): LateUpdate => ({
  client,
  dataset: `d${client}`,
  round: 4,
  base,
  settings: {},
  update: update(client),
  ...change,
});
const round = (change: Partial<OpenRound>): OpenRound => ({
  round: 5,
  generation: 1,
  selected: ['00', '01', '02'],
  accepted: [],
  refused: [],
  startedAt: 0,
  ...change,
});
const refused = [{ client: '02', problem: { reason: 'NotFinite', message: 'NaN' } }];

describe('a late update', () => {
  test.each([
    ['counts for a client that is silent', {}, ['02']],
    ['counts for a client that was not asked', { selected: ['00', '01'] }, ['02']],
    ['does not count beside a newer one', { accepted: [update('02')] }, []],
    ['does not count instead of one that was refused', { refused }, []],
    ['does not count before it is there', { late: [late('02', { update: undefined })] }, []],
  ] as [string, Partial<OpenRound>, string[]][])('%s', (_name, change, clients) => {
    expect(standIns(round({ late: [late('02')], ...change })).map(({ client }) => client)).toEqual(clients);
  });

  test('counts for the quorum at the deadline, not before', () => {
    const open = round({ accepted: [update('00'), update('01')], late: [late('02')], deadlineAt: 100 });
    const rules = { total: 9, late: 'CreditNextRound' as const };
    expect(verdictOn(open, rules, 99)).toBe('open');
    expect(verdictOn(open, rules, 100)).toBe('close');
    expect(verdictOn({ ...open, late: [] }, rules, 100)).toBe('lost');
  });

  test('is of the round before and of the same dataset, or of no use', () => {
    const clients = [{ client: '02', dataset: 'd02' }];
    expect(lateFor(5, [late('02')], clients)).toHaveLength(1);
    expect(lateFor(6, [late('02')], clients)).toEqual([]);
    expect(lateFor(5, [late('02')], [{ client: '02', dataset: 'other' }])).toEqual([]);
    expect(lateFor(5, [late('02')], [])).toEqual([]);
  });

  test('what is aggregated follows from what has come, not from its order, and has each client once', () => {
    const clients = ['00', '01', '02', '03'];
    fc.assert(
      fc.property(fc.shuffledSubarray(clients), fc.shuffledSubarray(clients), (accepted, credits) => {
        const counted = countedUpdates(
          round({ accepted: accepted.map(update), late: credits.map((client) => late(client)) }),
        );
        expect(counted.map(({ client }) => client)).toEqual([...new Set([...accepted, ...credits])].sort());
        for (const { client, staleness, base: from } of counted) {
          expect([staleness, from]).toEqual(accepted.includes(client) ? [undefined, undefined] : [1, base]);
        }
      }),
    );
  });
});
