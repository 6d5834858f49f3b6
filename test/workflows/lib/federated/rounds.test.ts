import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { AcceptedUpdate } from '../../../../activities/contracts.ts';
import type { FederatedLearningJobFields } from '../../../../crds/fields.ts';
import { planFields } from '../../../../crds/fields.ts';
import { validateManifest } from '../../../../crds/validate.ts';
import { versionOf } from '../../../../workflows/lib/federated/news.ts';
import {
  missedBy,
  neededClients,
  quorumOf,
  startingClients,
  tooFewFor,
  verdictOn,
  waitingFor,
} from '../../../../workflows/lib/federated/quorum.ts';
import { seedOf, settingsOf, weightedMetrics } from '../../../../workflows/lib/federated/settings.ts';
import type { OpenRound, RoundRecord, RunPlan, RunState } from '../../../../workflows/lib/federated/state.ts';
import { better, hasEnough, metSoFar, unknownMetrics } from '../../../../workflows/lib/federated/stopping.ts';

type Rules = FederatedLearningJobFields['rounds'];

const rules = (change: Partial<Rules> = {}): Rules => ({ total: 3, late: 'Discard', ...change });
const update = (client: string) => ({ client }) as AcceptedUpdate;
const round = (change: Partial<OpenRound> = {}): OpenRound => ({
  round: 4,
  generation: 1,
  selected: ['00', '01', '02'],
  accepted: [],
  refused: [],
  startedAt: 0,
  ...change,
});
const refusal = (client: string) => ({ client, problem: { reason: 'NotFinite', message: 'w holds NaN' } });

describe('quorum', () => {
  test.each([
    [10, {}, 10],
    [10, { quorum: { minAvailable: 4 } }, 4],
    [10, { quorum: { fraction: 0.3 } }, 3],
    [10, { quorum: { fraction: 0.31 } }, 4],
    [10, { quorum: { fraction: 0.3, minAvailable: 7 } }, 7],
    [3, { quorum: { fraction: 0.01 } }, 1],
  ] as [number, Partial<Rules>, number][])('of %i clients with %j: %i', (clients, change, need) => {
    expect(quorumOf(clients, rules(change))).toBe(need);
  });

  test('a job begins with as many as a round needs, never with more than there are', () => {
    expect(startingClients(5, rules())).toBe(5);
    expect(startingClients(5, rules({ quorum: { minAvailable: 9 } }))).toBe(5);
    expect(startingClients(5, rules({ minClientsToStart: 2 }))).toBe(2);
  });

  test.each([
    [{ strategy: 'Random', perRound: 1 }, {}, 1],
    [{ strategy: 'Random', perRound: 3 }, { quorum: { fraction: 0.5 } }, 2],
    [{ strategy: 'Random', perRound: 9 }, {}, 4],
    [{ strategy: 'Random' }, {}, 4],
    [{ strategy: 'All', perRound: 1 }, {}, 4],
    [{ strategy: 'Random', perRound: 1 }, { minClientsToStart: 4 }, 4],
  ] as [{ strategy: string; perRound?: number }, Partial<Rules>, number][])(
    '%j of 4 clients with %j: %i must be there before round 1',
    (selection, change, need) => {
      const fields = { aggregation: { strategy: 'FedAvg' }, selection, rounds: rules(change) };
      const plan = { clients: Array.from({ length: 4 }), fields } as unknown as RunPlan;
      expect(neededClients(plan, 0)).toBe(need);
      // Later ones need what their quorum says.
      expect(neededClients(plan, 1)).toBe(change.minClientsToStart === undefined ? need : 1);
    },
  );

  describe('of a strategy that needs three updates', () => {
    const plan = (clients: number, change: Partial<Rules> = {}, perRound?: number) => {
      const selection = { strategy: perRound === undefined ? 'All' : 'Random', perRound };
      const fields = { aggregation: { strategy: 'Krum' }, selection, rounds: rules(change) };
      return { clients: Array.from({ length: clients }), fields } as unknown as RunPlan;
    };
    test('a round begins with three clients and closes with three updates, whatever its quorum', () => {
      const one = { quorum: { minAvailable: 1 } };
      expect([0, 1].map((finished) => neededClients(plan(5, one), finished, 3))).toEqual([3, 3]);
      const open = round({ minUpdates: 3, accepted: ['00', '01'].map(update), deadlineAt: 1 });
      expect(verdictOn(open, rules(one), 2)).toBe('lost');
      expect(waitingFor(open, rules(one), 2)).toMatchObject({ reason: 'QuorumLost', have: 2, need: 3 });
      expect(verdictOn({ ...open, accepted: ['00', '01', '02'].map(update) }, rules(one), 2)).toBe('close');
    });

    test('a job that never has three says so', () => {
      expect(tooFewFor(plan(3), 3)).toBeUndefined();
      expect(tooFewFor(plan(2), 3)).toBe(
        'spec.aggregation: Krum with these parameters needs 3 updates a round; spec.trainingWorkers are 2',
      );
      expect(tooFewFor(plan(5, {}, 2), 3)).toMatch(/needs 3 updates a round; spec.clientSelection.perRound allows 2$/);
    });
  });

  test.each([
    [[], {}, 'FedAvg', 1],
    [['00'], {}, 'FedAvg', undefined],
    [['00'], { quorum: { minAvailable: 2 } }, 'FedAvg', 2],
    [['00'], { quorum: { minAvailable: 2 } }, 'FedBuff', undefined],
    [['00', '01'], {}, 'Krum', 3],
  ] as [string[], Partial<Rules>, string, number | undefined][])(
    'a choice of %j with %j and %s misses %p',
    (selected, change, strategy, need) => {
      const fields = { aggregation: { strategy, parameters: { bufferSize: 4 } }, rounds: rules(change) };
      expect(missedBy(selected, { fields } as unknown as RunPlan, strategy === 'Krum' ? 3 : 1)).toBe(need);
    },
  );

  test('never more than selected by share, never none', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.double({ min: 0.001, max: 1, noNaN: true }), (n, fraction) => {
        const need = quorumOf(n, rules({ quorum: { fraction } }));
        expect(need).toBeGreaterThanOrEqual(1);
        expect(need).toBeLessThanOrEqual(n);
        expect(need).toBeGreaterThanOrEqual(fraction * n - 1e-6);
      }),
    );
  });
});

describe('a round', () => {
  const accepted = ['00', '01', '02'].map(update);
  test.each([
    ['open while somebody is asked', round({ accepted: accepted.slice(0, 2) }), {}, 'open'],
    ['closed when all have answered', round({ accepted }), {}, 'close'],
    ['lost when one was refused', round({ accepted: accepted.slice(0, 2), refused: [refusal('02')] }), {}, 'lost'],
    [
      'closed without the refused one by quorum',
      round({ accepted: accepted.slice(0, 2), refused: [refusal('02')] }),
      { quorum: { minAvailable: 2 } },
      'close',
    ],
    [
      'open with a quorum before its deadline',
      round({ accepted: accepted.slice(0, 2), deadlineAt: 101 }),
      { quorum: { minAvailable: 2 } },
      'open',
    ],
    [
      'closed with a quorum at its deadline',
      round({ accepted: accepted.slice(0, 2), deadlineAt: 100 }),
      { quorum: { minAvailable: 2 } },
      'close',
    ],
    ['lost without a quorum at its deadline', round({ accepted: accepted.slice(0, 2), deadlineAt: 100 }), {}, 'lost'],
  ] as [string, OpenRound, Partial<Rules>, string][])('is %s', (_name, open, change, verdict) => {
    expect(verdictOn(open, rules(change), 100)).toBe(verdict);
  });

  test('says how many it has, how many it needs and who is missing', () => {
    expect(waitingFor(round({ accepted: accepted.slice(0, 1) }), rules(), 0)).toEqual({
      reason: 'Collecting',
      message: 'round 4: 1 of 3 updates; missing: 01, 02',
      have: 1,
      need: 3,
      missing: ['01', '02'],
    });
    const lost = round({ accepted: accepted.slice(0, 2), refused: [refusal('02')] });
    expect(waitingFor(lost, rules(), 0)).toMatchObject({
      reason: 'QuorumLost',
      message: 'round 4: all have answered, but 2 of 3 updates; missing: 02; client 02 was refused: w holds NaN',
    });
  });
});

describe('settings', () => {
  const aggregation = { strategy: 'FedAvg', parameters: {} };
  const fields = {
    aggregation,
    training: { epochs: 2, learningRate: 0.1, perRound: [{ fromRound: 3, learningRate: 0.01 }] },
  };
  test('of a round: constant ones, and those from a round on', () => {
    expect(settingsOf(fields as FederatedLearningJobFields, 2)).toEqual({ epochs: 2, learningRate: 0.1 });
    expect(settingsOf(fields as FederatedLearningJobFields, 3)).toMatchObject({ epochs: 2, learningRate: 0.01 });
  });

  test('the parameter of FedProx is for the clients', () => {
    const proximal = { ...fields, aggregation: { strategy: 'FedProx', parameters: { proximal_mu: 0.01 } } };
    expect(settingsOf(proximal as unknown as FederatedLearningJobFields, 1)).toMatchObject({ mu: 0.01 });
    const told = { ...proximal, training: { mu: 0.5 } };
    expect(settingsOf(told as unknown as FederatedLearningJobFields, 1)).toEqual({ mu: 0.5 });
  });

  test('seeds differ by job, client and round, and are always the same', () => {
    expect(seedOf(7, '01', 3)).toBe(seedOf(7, '01', 3));
    const seeds = [seedOf(7, '01', 3), seedOf(8, '01', 3), seedOf(7, '02', 3), seedOf(7, '01', 4), seedOf(7, '0', 13)];
    expect(new Set(seeds).size).toBe(5);
  });

  test('metrics count by samples', () => {
    const reports = [
      { samples: 10, metrics: { accuracy: 0.5, loss: 1 } },
      { samples: 30, metrics: { accuracy: 0.9, loss: Number.NaN } },
    ];
    expect(weightedMetrics(reports)).toEqual({ accuracy: 0.8, loss: 1 });
    expect(weightedMetrics(reports, ['accuracy'])).toEqual({ accuracy: 0.8 });
  });

  test('what is large counts, what is no finite number does not', () => {
    const reports = [
      { samples: 10, metrics: { loss: 1e308, other: null as unknown as number } },
      { samples: 30, metrics: { loss: 1e308, other: 3 } },
    ];
    expect(weightedMetrics(reports)).toEqual({ loss: 1e308, other: 3 });
    expect(weightedMetrics([{ samples: 0, metrics: { loss: 1 } }])).toEqual({});
  });

  test('of a thousand metrics the first 256 are kept; wanted ones are looked for among all', () => {
    const metrics = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`class-${i}`, i]));
    const kept = weightedMetrics([{ samples: 1, metrics }]);
    expect(Object.keys(kept)).toHaveLength(256);
    expect(kept).toMatchObject({ 'class-0': 0, 'class-255': 255 });
    expect(weightedMetrics([{ samples: 1, metrics }], ['class-999'])).toEqual({ 'class-999': 999 });
  });
});

describe('the end', () => {
  const owner = { kind: 'FederatedLearningJob', namespace: 'default', name: 'job', uid: 'u' };
  const plan = { model: { format: 'onnx' }, fields: { clients: [] } } as unknown as RunPlan;
  const record = (accuracy: number) => ({ round: 1, metrics: { accuracy } }) as unknown as RoundRecord;
  test('stopWhen asks for as many rounds in a row as its patience', () => {
    const change = rules({ stopWhen: { metric: 'accuracy', operator: '>=', threshold: 0.9, patience: 2 } });
    let met = 0;
    const steps = [0.95, 0.8, 0.9, 0.91].map((accuracy) => (met = metSoFar(met, record(accuracy), change)));
    expect(steps).toEqual([1, 0, 1, 2]);
    expect(steps.map((value) => hasEnough(value, change))).toEqual([false, false, false, true]);
    expect(hasEnough(9, rules())).toBe(false);
  });

  test('keepBest keeps the best and never a round without the metric', () => {
    const max = rules({ keepBest: { metric: 'accuracy' } });
    const first = better(undefined, record(0.8), undefined, max);
    expect(first?.value).toBe(0.8);
    expect(better(first, record(0.7), undefined, max)).toBe(first);
    expect(better(first, record(Number.NaN), undefined, max)).toBe(first);
    expect(better(first, record(0.7), undefined, rules({ keepBest: { metric: 'accuracy', mode: 'min' } }))?.value).toBe(
      0.7,
    );
    expect(better(first, record(0.9), undefined, rules())).toBe(first);
  });

  test('clients judge what a round started from: the best is the round before', () => {
    const max = rules({ keepBest: { metric: 'accuracy' } });
    const of = (round: number, accuracy: number) =>
      ({ round, metrics: { accuracy, spread: round }, ofBefore: ['accuracy'] }) as unknown as RoundRecord;
    const rounds = [of(1, 0.9), of(2, 0.5), of(3, 0.8), of(4, 0.7)];
    const best = rounds.reduce<RunState['best']>((found, one, i) => better(found, one, rounds[i - 1], max), undefined);
    // What round 1 started from is of no round; nobody has judged the last one.
    expect(best).toEqual({ record: { ...rounds[1], judged: { accuracy: 0.8 } }, value: 0.8 });
    const metrics = (record: RoundRecord) => versionOf(owner, plan, record, 'candidate').metrics;
    expect(metrics(best?.record as RoundRecord)).toEqual({ accuracy: [0.8], spread: [2] });
    expect(metrics(rounds[3] as RoundRecord)).toEqual({ spread: [4] });
  });

  test('a metric that no round has is named, once there are others', () => {
    const change = rules({
      stopWhen: { metric: 'acuracy', operator: '>', threshold: 1 },
      keepBest: { metric: 'accuracy' },
    });
    expect(unknownMetrics(change, [])).toBeUndefined();
    expect(unknownMetrics(change, [{ metrics: {} } as unknown as RoundRecord])).toBeUndefined();
    const said = 'spec.rounds.stopWhen.metric: no round has "acuracy"; they have accuracy';
    expect(unknownMetrics(change, [record(0.5)])).toBe(said);
    expect(unknownMetrics(rules({ keepBest: { metric: 'accuracy' } }), [record(0.5)])).toBeUndefined();
  });

  test('stopWhen passes over rounds that nobody has judged', () => {
    const change = rules({ stopWhen: { metric: 'accuracy', operator: '>=', threshold: 0.9, patience: 2 } });
    const steps = [0.95, undefined, 0.8, undefined, 0.9, undefined, 0.91];
    let met = 0;
    const counts = steps.map(
      (accuracy) => (met = metSoFar(met, { metrics: accuracy === undefined ? {} : { accuracy } }, change)),
    );
    expect(counts).toEqual([1, 1, 0, 0, 1, 1, 2]);
  });
});

describe("Sedna's manifest", () => {
  const template = { spec: { containers: [{ name: 'c', image: 'i', env: [{ name: 'exit_round', value: '5' }] }] } };
  const manifest = (spec: object = {}) => {
    const verdict = validateManifest({
      apiVersion: 'sedna.io/v1alpha1',
      kind: 'FederatedLearningJob',
      metadata: { name: 'x' },
      spec: {
        aggregationWorker: { model: { name: 'm' }, template },
        trainingWorkers: [{ dataset: { name: 'd' }, template }],
        ...spec,
      },
    });
    if (!verdict.ok) throw new Error(JSON.stringify(verdict.errors));
    return planFields('FederatedLearningJob', verdict.manifest.spec);
  };

  test('means FedAvg, all clients, no deadline, as many rounds as exit_round says', () => {
    expect(manifest()).toMatchObject({
      aggregation: { strategy: 'FedAvg', parameters: {} },
      rounds: { total: 5, late: 'Discard' },
      selection: { strategy: 'All', seed: 0 },
      transmitter: 'ws',
      keepWarm: true,
    });
  });

  test('parameters come as a map or as a list', () => {
    const list = { strategy: 'FedTrimmedAvg', parameters: [{ key: 'beta', value: '0.34' }] };
    const map = { strategy: 'FedTrimmedAvg', parameters: { beta: 0.34 } };
    for (const aggregation of [list, map]) {
      expect(manifest({ aggregation }).aggregation).toMatchObject({ parameters: { beta: 0.34 } });
    }
    expect(() => manifest({ aggregation: { parameters: 7 } })).toThrow('spec.aggregation.parameters');
  });

  test('durations are milliseconds', () => {
    expect(manifest({ rounds: { deadline: '1h30m' } }).rounds.deadlineMs).toBe(5_400_000);
  });

  test('MistNet has one round, whatever the aggregator would have done', () => {
    expect(manifest({ aggregation: { strategy: 'MistNet' } }).rounds.total).toBe(1);
    expect(() => manifest({ aggregation: { strategy: 'MistNet' }, rounds: { total: 2 } })).toThrow(
      'rounds.total must be 1, or be left out',
    );
  });
});
