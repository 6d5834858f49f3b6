import { describe, expect, test } from '@jest/globals';
import type { FederatedState } from '../../../../workflows/lib/federated/job-state.ts';
import { reset } from '../../../../workflows/lib/federated/reset.ts';
import type { FederatedView } from '../../../../workflows/lib/federated/situation.ts';
import type { RoundRecord } from '../../../../workflows/lib/federated/state.ts';

const record = (round: number): RoundRecord => ({
  ...{ round, generation: 1, clients: ['00'], samples: 1, seconds: 1, time: '' },
  weights: { uri: `file:///${round}`, sha256: `${round}`, bytes: 1 },
  metrics: { accuracy: round / 100 },
});

/** A job that keeps rounds 11 to 60 and waits in round 61. */
function job(change: Partial<FederatedState> = {}) {
  const own = {
    mode: 'run',
    epoch: 1,
    resumes: 2,
    started: true,
    clients: {},
    told: { mode: 'run' },
    run: { records: Array.from({ length: 50 }, (_, i) => record(i + 11)), met: 50, failures: { '00': 3 }, samples: {} },
    ...change,
  } as unknown as FederatedState;
  const rules = {
    total: 99,
    stopWhen: { metric: 'accuracy', operator: '>=', threshold: 0.19, patience: 99 },
    keepBest: { metric: 'accuracy' },
  };
  const events: string[] = [];
  const view = {
    ref: { kind: 'FederatedLearningJob', namespace: 'default', name: 'digits' },
    own,
    desired: { fields: { rounds: rules } },
    operations: { isRunning: () => true },
    emit: ({ message }: { message: string }) => events.push(message),
  } as unknown as FederatedView;
  return { own, events, say: (argument: unknown) => reset(view, argument, 'run-1') };
}

describe('reset', () => {
  test.each([
    [undefined, /^say the round/],
    [{ value: 'now' }, /^say the round to go back to, 0 for the beginning: sedna reset fl\/digits --to-round 3/],
    [{ value: '3rd' }, /^say the round/],
    [{ toRound: -1 }, /^say the round/],
    [{ toRound: 1.5 }, /^say the round/],
    [{ toRound: 61 }, /^round 61 is not finished: rounds 11 to 60 are stored$/],
    [{ toRound: 10 }, /^round 10 is no longer stored: rounds 11 to 60 are stored, and 0 is the beginning$/],
  ])('to %j is refused, and changes nothing', (argument, reason) => {
    const { own, say } = job();
    const before = structuredClone(own);
    expect(say(argument)).toMatch(reason);
    expect(own).toEqual(before);
  });

  test.each([[{ toRound: 20 }], [{ value: '20' }], [{ value: ' 20 once more' }]])('%j is a new epoch', (argument) => {
    const { own, events, say } = job();
    expect(say(argument)).toBeUndefined();
    expect(own).toMatchObject({ epoch: 2, resumes: 0, abandoned: ['run-1'] });
    expect(own.started).toBeUndefined();
    expect(own.run.records.map(({ round }) => round)).toEqual([11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
    // As if the rounds after it had never been.
    expect(own.run).toMatchObject({ met: 2, best: { value: 0.2 }, failures: { '00': 3 } });
    expect(events).toEqual(['epoch 2: the rounds after round 20 are run again']);
  });

  test('to a round that its aggregator had declared the last one is no end', () => {
    const { own, say } = job({ run: { records: [record(1), { ...record(2), finished: true }], met: 0 } as never });
    say({ toRound: 2 });
    expect(own.run.records).toEqual([record(1), record(2)]);
  });

  test('of a stopped job stays stopped', () => {
    const { own, say } = job({ mode: 'stop' });
    say({ toRound: 0 });
    expect(own).toMatchObject({ ended: { kind: 'stopped' }, run: { records: [], met: 0 } });
  });
});
