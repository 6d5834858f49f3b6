import { afterEach, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import {
  MemoryRounds,
  aggregateInMemory,
  aggregationStrategy,
  algorithms,
  optimize,
  weightedMean,
} from '../../../../sdk/index.ts';
import type { MemoryUpdate, Strategy, StrategyFactory, StrategyParameters } from '../../../../sdk/index.ts';
import { weightsOf } from './support/tensors.ts';

const one = (...values: number[]) => weightsOf({ w: values });

/** Updates of one tensor; the samples are 1, or those given. */
const updatesOf = (values: number[][], samples: number[] = []): MemoryUpdate[] =>
  values.map((list, i) => ({ client: String(i).padStart(3, '0'), samples: samples[i] ?? 1, weights: one(...list) }));

async function result(name: string, parameters: StrategyParameters, global: number[], updates: MemoryUpdate[]) {
  const { model, ...rest } = await aggregateInMemory(aggregationStrategy(name, parameters), one(...global), updates);
  return { values: [...(model.w?.data ?? [])], ...rest };
}

describe('worked by hand', () => {
  test('FedAvg: 1 × [1, 2] and 3 × [5, 6] give [4, 5]', async () => {
    const { values, used } = await result(
      'FedAvg',
      {},
      [0, 0],
      updatesOf(
        [
          [1, 2],
          [5, 6],
        ],
        [1, 3],
      ),
    );
    expect({ values, used }).toEqual({ values: [4, 5], used: ['000', '001'] });
  });

  test('FedAvg: equal updates stay as they are; the largest singles do not overflow; a huge count is a share of 1 at most', async () => {
    expect((await result('FedAvg', {}, [0], updatesOf([[0.1], [0.1], [0.1]], [1, 2, 4]))).values).toEqual([
      Math.fround(0.1),
    ]);
    const largest = Math.fround(3.4028234663852886e38);
    expect((await result('FedAvg', {}, [0], updatesOf([[largest], [largest]], [9e15, 9e15]))).values).toEqual([
      largest,
    ]);
  });

  test('FedProx: FedAvg on the server, mu for the clients', async () => {
    expect(aggregationStrategy('FedProx', { proximal_mu: '0.5' }).client).toEqual({ mu: 0.5 });
    expect((await result('FedProx', { proximal_mu: 1 }, [0], updatesOf([[1], [5]], [1, 3]))).values).toEqual([4]);
  });

  test('FedAvgM: v = 1, then 0.5 · 1 + 1 = 1.5', async () => {
    const rounds = new MemoryRounds(aggregationStrategy('FedAvgM', { server_momentum: 0.5 }));
    const first = await rounds.aggregate(one(10), updatesOf([[9]]));
    const second = await rounds.aggregate(first.model, updatesOf([[8]]));
    await rounds.close();
    expect([first, second].map(({ model }) => model.w?.data[0])).toEqual([9, 7.5]);
  });

  test('FedAdagrad: Δ = 2, v = 4: 0.1 · 2 / (2 + 0.001)', async () => {
    expect((await result('FedAdagrad', {}, [1], updatesOf([[3]]))).values[0]).toBeCloseTo(1 + 0.2 / 2.001, 6);
  });

  test('FedMedian, FedTrimmedAvg: of 1, 2, 3, 4, 1000', async () => {
    const updates = updatesOf([[1000], [3], [1], [4], [2]]);
    expect((await result('FedMedian', {}, [0], updates)).values).toEqual([3]);
    expect((await result('FedMedian', {}, [0], updates.slice(1))).values).toEqual([2.5]);
    expect((await result('FedTrimmedAvg', { beta: 0.2 }, [0], updates)).values).toEqual([3]);
    expect((await result('FedTrimmedAvg', { beta: 0 }, [0], updates)).values).toEqual([202]);
  });

  test('Krum: 2 lies 0.25 + 0.0625 from its nearest two, 1.5 lies 0.25 + 0.25; it names whom it left', async () => {
    const { values, used, left } = await result(
      'Krum',
      { num_malicious_nodes: 1 },
      [0],
      updatesOf([[1], [1.5], [2], [2.25], [90]]),
    );
    expect({ values, used }).toEqual({ values: [2], used: ['002'] });
    expect(left.map(({ client }) => client)).toEqual(['000', '001', '003', '004']);
  });

  test('QFedAvg: with q = 0 the plain mean', async () => {
    const updates = updatesOf([[1], [3]], [1, 9]).map((update) => ({ ...update, metrics: { train_loss: 2 } }));
    expect((await result('QFedAvg', { client_learning_rate: 0.5, q: 0 }, [0], updates)).values).toEqual([2]);
  });

  test('FedBuff: an update three rounds late weighs half, and is a change of the weights that it started from', async () => {
    const buffer = { bufferSize: 2 };
    const updates = updatesOf([[4], [8]]).map((update, i) => ({ ...update, staleness: i * 3 }));
    // By hand: 1 + ((4 - 1) + (8 - 1) / 2) / 2, and with a base of 6 for the late one 1 + ((4 - 1) + (8 - 6) / 2) / 2.
    expect((await result('FedBuff', buffer, [1], updates)).values).toEqual([4.25]);
    const based = updates.map((update, i) => (i === 1 ? { ...update, base: weightsOf({ w: [6] }) } : update));
    expect((await result('FedBuff', buffer, [1], based)).values).toEqual([3]);
    expect((await result('FedBuff', { ...buffer, serverLearningRate: 0.5 }, [1], based)).values).toEqual([2]);
  });

  test('FedBuff: two updates of one client count twice', async () => {
    const updates = updatesOf([[4], [8]]).map((update) => ({ ...update, client: '00' }));
    expect((await result('FedBuff', { bufferSize: 2 }, [0], updates)).values).toEqual([6]);
  });

  test('FedBuff needs the size of its buffer', () => {
    expect(aggregationStrategy('FedBuff', { bufferSize: 2 })).toMatchObject({ pace: 'buffer', minUpdates: 2 });
    expect(() => aggregationStrategy('FedBuff')).toThrow(
      'spec.aggregation.parameters.bufferSize: is missing; it must be an integer at least 1 and at most 1000',
    );
    expect(() => aggregationStrategy('FedBuff', { bufferSize: 2, buffer_size: 2 })).toThrow(
      'buffer_size: is no parameter of this strategy; it has bufferSize, serverLearningRate, maxStaleness',
    );
  });
});

interface Case {
  strategy: string;
  parameters: StrategyParameters;
  global: Record<string, number[]>;
  rounds: {
    updates: { samples: number; loss: number; values: Record<string, number[]> }[];
    model: Record<string, number[]>;
  }[];
}

const reference = JSON.parse(readFileSync(new URL('./reference/flower.json', import.meta.url), 'utf8')) as {
  flwr: string;
  cases: Case[];
};

describe(`three rounds as in Flower ${reference.flwr}`, () => {
  test.each(
    reference.cases.map((one): [string, number, Case] => [one.strategy, one.rounds[0]?.updates.length ?? 0, one]),
  )('%s of %i clients', async (name, _, { parameters, global, rounds }) => {
    const ours = new MemoryRounds(aggregationStrategy(name, parameters));
    let model = weightsOf(global);
    for (const { updates, model: theirs } of rounds) {
      const sent = updates.map(({ samples, loss, values }, i) => ({
        client: String(i).padStart(3, '0'),
        ...{ samples, weights: weightsOf(values), metrics: { train_loss: loss } },
      }));
      ({ model } = await ours.aggregate(model, sent));
      for (const [tensor, values] of Object.entries(theirs)) {
        const got = [...(model[tensor]?.data ?? [])];
        expect(got).toHaveLength(values.length);
        // Flower computes in singles; ours in doubles.
        got.forEach((value, i) => expect(Math.abs(value - (values[i] as number))).toBeLessThan(4e-6));
      }
      // As Flower goes on from its own model.
      model = weightsOf(theirs);
    }
    await ours.close();
  });
});

describe('a fifth of fifteen clients is poisoned', () => {
  const honest = Array.from({ length: 12 }, (_, i) => [1 + 0.01 * Math.sin(i), -2 + 0.01 * Math.cos(i), 0.01 * i]);
  const updates = updatesOf([...honest, ...Array.from({ length: 3 }, () => [-500, 700, 1e6])]);
  const far = async (name: string, parameters: StrategyParameters): Promise<number> => {
    const { values } = await result(name, parameters, [0, 0, 0], updates);
    return Math.max(...[1, -2, 0.055].map((wanted, i) => Math.abs((values[i] as number) - wanted)));
  };

  test('FedAvg is led astray', async () => expect(await far('FedAvg', {})).toBeGreaterThan(50));

  test.each<[string, StrategyParameters]>([
    ['FedMedian', {}],
    ['FedTrimmedAvg', { beta: 0.2 }],
    ['Krum', { num_malicious_nodes: 3 }],
    ['MultiKrum', { num_malicious_nodes: 3, num_nodes_to_select: 5 }],
    ['Bulyan', { num_malicious_nodes: 3 }],
  ])('%s is not', async (name, parameters) => expect(await far(name, parameters)).toBeLessThan(0.1));
});

describe('what is refused', () => {
  const three = updatesOf([[1], [2], [3]]);
  test.each<[string, StrategyParameters, string]>([
    [
      'FedTrimmedAvg',
      { beta: 0.5 },
      'spec.aggregation.parameters.beta: must be a number at least 0 and below 0.5, not 0.5',
    ],
    ['FedTrimmedAvg', { beta: 'x' }, 'spec.aggregation.parameters.beta: must be'],
    ['FedTrimmedAvg', { bta: 0.1 }, 'spec.aggregation.parameters.bta: is no parameter of this strategy; it has beta'],
    ['FedAvg', { x: 1 }, 'spec.aggregation.parameters.x: is no parameter of this strategy; it has none'],
    ['Krum', { num_malicious_nodes: 1.5 }, 'must be an integer at least 0'],
    ['QFedAvg', {}, 'spec.aggregation.parameters.client_learning_rate: is missing; it must be a number above 0'],
    ['FedAdam', { eta: 0 }, 'spec.aggregation.parameters.eta: must be a number above 0, not 0'],
    ['fedavg', {}, 'spec.aggregation.strategy: "fedavg" is unknown; there are Bulyan, FedAdagrad'],
    ['__proto__', {}, 'is unknown'],
  ])('%s %p', (name, parameters, message) => expect(() => aggregationStrategy(name, parameters)).toThrow(message));

  test('too few updates for a promise', async () => {
    await expect(result('Krum', { num_malicious_nodes: 1 }, [0], three)).rejects.toMatchObject({
      reason: 'TooFewUpdates',
    });
    await expect(result('Bulyan', { num_malicious_nodes: 1 }, [0], three)).rejects.toThrow('needs 7');
  });

  test('a client that reports no loss', async () => {
    await expect(result('QFedAvg', { client_learning_rate: 1 }, [0], three)).rejects.toMatchObject({
      reason: 'MetricMissing',
    });
  });

  test('QFedAvg goes by "loss" where there is no "train_loss", and leaves a client out that reports neither', async () => {
    const told = [{ loss: 2 }, { train_loss: 2, loss: 9 }, { accuracy: 1 }];
    const updates = updatesOf([[1], [3], [50]]).map((update, i) => ({
      ...update,
      metrics: told[i] as { loss: number },
    }));
    const { values, used, left } = await result('QFedAvg', { client_learning_rate: 0.5, q: 0 }, [0], updates);
    expect({ values, used }).toEqual({ values: [2], used: ['000', '001'] });
    expect(left).toEqual([
      { client: '002', reason: 'reports no metric "train_loss" or "loss" from 0; QFedAvg weighs by it' },
    ]);
  });

  test('FedBuff: a sum that leaves the numbers', async () => {
    const parameters = { bufferSize: 1, serverLearningRate: 2 };
    await expect(result('FedBuff', parameters, [0], updatesOf([[3e38]]))).rejects.toMatchObject({
      reason: 'ResultNotFinite',
      message: 'the new model tensor "w": element 0 is Infinity; lower serverLearningRate',
    });
  });

  test('FedAvgM without momentum has no use for what it has kept with one', async () => {
    const made = [{ server_momentum: 0.5 }, {}].map((parameters) => aggregationStrategy('FedAvgM', parameters));
    let at = 0;
    const rounds = new MemoryRounds({ aggregate: (round) => (made[at++] as Strategy).aggregate(round) });
    const first = await rounds.aggregate(one(10), updatesOf([[9]]));
    const second = await rounds.aggregate(first.model, updatesOf([[8]]));
    await rounds.close();
    expect([first, second].map(({ model }) => model.w?.data[0])).toEqual([9, 8]);
  });

  test('a step that leaves the numbers', async () => {
    const updates = updatesOf([[-3e38]]);
    await expect(result('FedAvgM', { server_learning_rate: 9 }, [3e38], updates)).rejects.toMatchObject({
      reason: 'ResultNotFinite',
    });
  });
});

describe('one of your own', () => {
  const added: string[] = [];
  afterEach(() => expect(added).toContain('SqrtAvg'));

  test('in a few lines', async () => {
    const sqrtAvg: StrategyFactory = () => ({
      aggregate: async (round) => ({
        model: await weightedMean(round, round.out.model, ({ samples }) => Math.sqrt(samples)),
        ...{ used: round.updates.map(({ client }) => client), left: [], metrics: {} },
      }),
    });
    const signStep: StrategyFactory = () => ({
      aggregate: (round) =>
        optimize(round, 0, ({ global, mean }) =>
          global.forEach((w, i) => (global[i] = w + Math.sign((mean[i] as number) - w))),
        ),
    });
    algorithms.register('aggregation', 'SqrtAvg', sqrtAvg);
    algorithms.register('aggregation', 'SignStep', signStep);
    added.push('SqrtAvg');
    expect((await result('SqrtAvg', {}, [0], updatesOf([[1], [5]], [1, 9]))).values).toEqual([4]);
    expect((await result('SignStep', {}, [1, 1], updatesOf([[5, -5]]))).values).toEqual([2, 0]);
  });
});
