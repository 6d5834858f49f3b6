import { describe, expect, test } from '@jest/globals';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { floatTensor } from '../../../../sdk/estimators/onnx/graph/tensors.ts';
import { valueInfo } from '../../../../sdk/estimators/onnx/graph/writer.ts';
import { mlp, OnnxEstimator, Random } from '../../../../sdk/estimators/onnx/index.ts';
import type { ModelProto, OnnxEstimatorOptions } from '../../../../sdk/estimators/onnx/index.ts';
import { findLoss } from '../../../../sdk/estimators/onnx/losses/registry.ts';
import { makeOptimizer } from '../../../../sdk/estimators/onnx/optimizers/registry.ts';
import { TrainingState } from '../../../../sdk/estimators/onnx/training/state.ts';
import { buildStep } from '../../../../sdk/estimators/onnx/training/step-graph.ts';
import { StepSession } from '../../../../sdk/estimators/onnx/training/step-session.ts';
import type { TrainOptions, TrainSettings, Weights } from '../../../../sdk/index.ts';
import { clouds } from './support/samples.ts';

const model = mlp({ inputs: 2, hidden: [4], outputs: 3, seed: 1 });

function make(options: Partial<OnnxEstimatorOptions> = {}): OnnxEstimator {
  const optimizer = { name: 'sgd', learningRate: 0.1, momentum: 0.5 } as const;
  return new OnnxEstimator({ model, loss: 'softmaxCrossEntropy', optimizer, batchSize: 8, threads: 1, ...options });
}

async function trained(estimator: OnnxEstimator, options: TrainOptions, count = 64): Promise<Weights> {
  await estimator.train(clouds(count), options);
  const weights = await estimator.getWeights();
  await estimator.close();
  return weights;
}

/** y = w x, one weight that begins at 1. */
const line: ModelProto = {
  irVersion: 8,
  opsetImport: [{ version: 17 }],
  graph: {
    name: 'line',
    node: [{ opType: 'Mul', input: ['x', 'w'], output: ['y'] }],
    initializer: [floatTensor('w', [1], Float32Array.of(1))],
    input: [valueInfo('x', ['N', 1])],
    output: [{ name: 'y' }],
  },
};

describe('the proximal term', () => {
  // Towards 0 with x = 1 the gradient is 2 w + mu (w - 1); all values are exact in float32.
  test.each([
    [{}, 0.125],
    [{ mu: 0 }, 0.125],
    [{ mu: 0.5 }, 0.2421875],
  ])('%j: three steps of 0.25 from 1, computed by hand, end at %d', async (settings, expected) => {
    const estimator = new OnnxEstimator({
      model: line,
      loss: 'mse',
      optimizer: { name: 'sgd', learningRate: 0.25 },
      epochs: 3,
    });
    const samples = { inputs: Float32Array.of(1), labels: Float32Array.of(0), count: 1, shape: [1] };
    await estimator.train(samples, { settings });
    expect([...((await estimator.getWeights())['w']?.data ?? [])]).toEqual([expected]);
    await estimator.close();
  });

  test('is the gradient of mu/2 |w - w_start|² on top of the loss, by central differences', async () => {
    const mu = 0.7;
    const samples = clouds(12);
    const loss = findLoss('softmaxCrossEntropy');
    const request = { model, batch: samples.count, loss };
    const graph = buildStep({ ...request, optimizer: makeOptimizer({ name: 'sgd', learningRate: 1 }), mu });
    const random = new Random(4);
    const start = await make().getWeights();
    const present = new Map(
      Object.entries(start).map(([name, { data }]) => [name, data.map((value) => value + 0.3 * random.normal())]),
    );
    const fill = (session: StepSession) => {
      (session.inputs as Float32Array).set(samples.inputs);
      samples.labels.forEach((label, row) => (session.targets[row * 3 + label] = 1));
    };

    // One step of rate 1 from the present weights is minus the gradient.
    const state = new TrainingState(present);
    graph.starts.forEach(({ name }, i) =>
      state.set(name, start[graph.parameters[i]?.name ?? '']?.data ?? new Float32Array()),
    );
    const step = await StepSession.open(graph, state, 1);
    fill(step);
    await step.run({ learningRate: 1 });

    const judged = new TrainingState(present);
    const judge = await StepSession.open(buildStep(request), judged, 1);
    fill(judge);
    const objective = async () => {
      const { loss: ofData } = await judge.run();
      let distance = 0;
      for (const [name, data] of judged.entries()) {
        data.forEach((value, i) => (distance += (value - (start[name]?.data[i] ?? 0)) ** 2));
      }
      return ofData + (mu / 2) * distance;
    };
    const epsilon = 1e-2;
    for (const [name, data] of present) {
      for (const i of data.keys()) {
        const at = async (value: number) => {
          judged.set(name, data.with(i, value));
          const found = await objective();
          judged.set(name, data);
          return found;
        };
        const value = data[i] ?? 0;
        const numeric = ((await at(value + epsilon)) - (await at(value - epsilon))) / (2 * epsilon);
        expect(value - (state.get(name)?.[i] ?? NaN)).toBeCloseTo(numeric, 3);
      }
    }
    await step.close();
    await judge.close();
  });

  test('comes once per update, however many batches are added up for it', async () => {
    const settings = { mu: 0.8, epochs: 3 };
    const whole = await trained(make({ batchSize: 16 }), { settings });
    const split = await trained(make({ batchSize: 4, accumulate: 4 }), { settings });
    for (const [name, { data }] of Object.entries(whole)) {
      data.forEach((value, i) => expect(split[name]?.data[i]).toBeCloseTo(value, 5));
    }
  });

  test('holds weights near their start, and leaves the next training without it', async () => {
    const start = await make().getWeights();
    const away = (weights: Weights) =>
      Object.entries(weights).reduce(
        (sum, [name, { data }]) =>
          sum + data.reduce((part, value, i) => part + (value - (start[name]?.data[i] ?? 0)) ** 2, 0),
        0,
      );
    const free = await trained(make(), { settings: { epochs: 5 } });
    const held = await trained(make(), { settings: { epochs: 5, mu: 5 } });
    expect(away(held)).toBeLessThan(away(free) / 4);

    const [first, second] = [make(), make()];
    await first.train(clouds(64), { settings: { mu: 5 } });
    await second.setWeights(await first.getWeights());
    expect(await trained(first, {})).toEqual(await trained(second, {}));
  });
});

describe('settings of one training', () => {
  test('take the place of the options, and are gone afterwards', async () => {
    const settings = { epochs: 3, batchSize: 20, learningRate: 0.02 };
    const optimizer = { name: 'sgd', learningRate: 0.02, momentum: 0.5 } as const;
    const asOptions = await trained(make({ epochs: 3, batchSize: 20, optimizer, seed: 11 }), {});
    expect(await trained(make(), { settings, seed: 11 })).toEqual(asOptions);
    const estimator = make();
    const { loss } = await estimator.train(clouds(64), { settings });
    expect(loss).toHaveLength(3);
    expect((await estimator.train(clouds(64))).loss).toHaveLength(1);
    await estimator.close();
  });

  test('another seed is another order', async () => {
    expect(await trained(make(), { seed: 1 })).not.toEqual(await trained(make(), { seed: 2 }));
  });

  test.each<[TrainSettings, string]>([
    [{ epochs: 0 }, 'option settings.epochs: 0'],
    [{ batchSize: 1.5 }, 'option settings.batchSize: 1.5'],
    [{ learningRate: -1 }, 'option settings.learningRate: -1'],
    [{ mu: NaN }, 'option settings.mu: NaN'],
  ])('%j is refused by name', async (settings, message) => {
    await expect(make().train(clouds(8), { settings })).rejects.toThrow(message);
  });
});

describe('a checkpoint', () => {
  const directory = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'settings-'));
  const settings = { epochs: 4, mu: 0.5 };
  let number = 0;

  /** Trains until some steps are done; the checkpoint stays. */
  async function broken(): Promise<string> {
    const checkpoint = join(directory, `${number++}.checkpoint`);
    const estimator = make({ checkpointEvery: { steps: 1 } });
    const stop = new AbortController();
    const training = estimator.train(clouds(64), {
      settings,
      seed: 3,
      checkpoint,
      signal: stop.signal,
      onProgress: ({ step }) => (step >= 8 ? stop.abort() : undefined),
    });
    await expect(training).rejects.toThrow();
    await estimator.close();
    return checkpoint;
  }

  async function resumed(checkpoint: string, change: TrainOptions, estimator = make()) {
    const messages: string[] = [];
    const onProgress: TrainOptions['onProgress'] = ({ message }) => void (message && messages.push(message));
    const weights = await trained(estimator, { settings, seed: 3, checkpoint, onProgress, ...change });
    return { weights, messages };
  }

  test('of the same task is resumed, bit by bit', async () => {
    const { weights, messages } = await resumed(await broken(), {});
    expect(messages.join()).toMatch(/resumed from .* at step [1-9]/);
    expect(weights).toEqual(await trained(make(), { settings, seed: 3 }));
  });

  test.each<[string, TrainOptions]>([
    ['seed', { seed: 4 }],
    ['number of epochs', { settings: { ...settings, epochs: 5 } }],
    ['batch size', { settings: { ...settings, batchSize: 16 } }],
    ['learning rate', { settings: { ...settings, learningRate: 0.2 } }],
    ['weight of the proximal term', { settings: { ...settings, mu: 0.6 } }],
  ])('of another %s is not', async (_what, change) => {
    const { weights, messages } = await resumed(await broken(), change);
    expect(messages.join()).toMatch(/is ignored: it is of another model, data set or configuration/);
    expect(weights).toEqual(await trained(make(), { settings, seed: 3, ...change }));
  });

  test('of other weights, those of another round, is not', async () => {
    const other = make();
    const start = await other.getWeights();
    start[Object.keys(start)[0] ?? '']?.data.set([0.125]);
    await other.setWeights(start);
    const { messages } = await resumed(await broken(), {}, other);
    expect(messages.join()).toMatch(/is ignored/);
  });
});
