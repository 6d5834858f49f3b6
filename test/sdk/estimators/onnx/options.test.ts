import { describe, expect, test } from '@jest/globals';
import { int, toProto } from '../../../../sdk/estimators/onnx/graph/attributes.ts';
import { valueInfo } from '../../../../sdk/estimators/onnx/graph/writer.ts';
import { GraphBuilder, OnnxEstimator, Random, encodeModel, mlp } from '../../../../sdk/estimators/onnx/index.ts';
import type { OnnxEstimatorOptions, OnnxSamples } from '../../../../sdk/estimators/onnx/index.ts';
import { makeSchedule } from '../../../../sdk/estimators/onnx/training/schedule.ts';
import type { ScheduleOptions } from '../../../../sdk/estimators/onnx/training/schedule.ts';
import { clouds } from './support/samples.ts';

function make(options: Partial<OnnxEstimatorOptions> = {}): OnnxEstimator {
  return new OnnxEstimator({
    model: mlp({ inputs: 2, hidden: [8], outputs: 3, seed: 1 }),
    loss: 'softmaxCrossEntropy',
    optimizer: { name: 'sgd', learningRate: 0.1 },
    batchSize: 16,
    threads: 1,
    ...options,
  });
}

async function weightsAfter(options: Partial<OnnxEstimatorOptions>, samples = clouds(64)) {
  const estimator = make(options);
  const before = await estimator.getWeights();
  const metrics = await estimator.train(samples);
  const after = await estimator.getWeights();
  await estimator.close();
  return { before, after, metrics };
}

describe('learning-rate schedules', () => {
  const rates = (options: ScheduleOptions, steps: number[], total = 100) => {
    const schedule = makeSchedule(options, 1, total);
    return steps.map((step) => Number(schedule(step).toFixed(6)));
  };

  test('values computed by hand', () => {
    expect(rates({ name: 'constant', warmupSteps: 4 }, [0, 1, 3, 4, 99])).toEqual([0.25, 0.5, 1, 1, 1]);
    expect(rates({ name: 'step', everySteps: 10, factor: 0.5 }, [0, 9, 10, 25, 30])).toEqual([1, 1, 0.5, 0.25, 0.125]);
    expect(rates({ name: 'linear' }, [0, 50, 100, 150])).toEqual([1, 0.5, 0, 0]);
    expect(rates({ name: 'linear', totalSteps: 60, warmupSteps: 10, minimum: 0.2 }, [10, 35, 60])).toEqual([
      1, 0.6, 0.2,
    ]);
    expect(rates({ name: 'cosine' }, [0, 50, 100])).toEqual([1, 0.5, 0]);
    // cos(pi / 3) = 1/2.
    expect(rates({ name: 'cosine', minimum: 0.1, totalSteps: 30 }, [10])).toEqual([0.1 + 0.9 * 0.75]);
  });

  test('the schedule reaches the updates', async () => {
    const plain = await weightsAfter({ epochs: 2 });
    // 64 samples in batches of 16 and two epochs make 8 updates.
    const late = await weightsAfter({ epochs: 2, schedule: { name: 'step', everySteps: 8 } });
    expect(late.after).toEqual(plain.after);
    const early = await weightsAfter({ epochs: 2, schedule: { name: 'step', everySteps: 7 } });
    expect(early.after).not.toEqual(plain.after);
    const stopped = await weightsAfter({ epochs: 2, schedule: { name: 'linear', totalSteps: 1 } });
    const single = await weightsAfter({ epochs: 1, schedule: { name: 'linear', totalSteps: 1 } });
    expect(stopped.after).toEqual(single.after);
  });

  test.each([
    [{ name: 'exponential' }, 'schedule.name: "exponential" is unknown; known: constant, cosine, linear, step'],
    [{ name: 'step', everySteps: 0 }, 'schedule.everySteps: 0'],
    [{ name: 'cosine', minimum: 2 }, 'schedule.minimum: 2'],
    [{ name: 'linear', warmupSteps: -1 }, 'schedule.warmupSteps: -1'],
  ])('%j is refused with its path', (schedule, message) => {
    expect(() => make({ schedule: schedule as ScheduleOptions })).toThrow(message);
  });
});

describe('accumulated gradients', () => {
  test.each([
    [4, 16, 64, 'sgd'],
    [3, 10, 64, 'adam'],
    [5, 7, 23, 'sgd'],
  ] as const)('%i batches of %i update like one batch, %i samples, %s', async (accumulate, batchSize, count, name) => {
    const optimizer = { name, learningRate: 0.05 };
    const clipNorm = 0.1;
    // Equal order: both shuffle the same number of samples from the same seed.
    const split = await weightsAfter({ accumulate, batchSize, optimizer, clipNorm, epochs: 3 }, clouds(count));
    const whole = await weightsAfter(
      { batchSize: accumulate * batchSize, optimizer, clipNorm, epochs: 3 },
      clouds(count),
    );
    for (const [tensor, { data }] of Object.entries(whole.after)) {
      data.forEach((value, i) => expect(split.after[tensor]?.data[i]).toBeCloseTo(value, 4));
    }
    expect(split.metrics.loss?.[0]).toBeCloseTo(whole.metrics.loss?.[0] ?? NaN, 4);
  });
});

describe('what does not train', () => {
  test('frozen tensors stay bit by bit, the others move', async () => {
    const { before, after } = await weightsAfter({ freeze: ['dense1/*'] });
    expect(after['dense1/weight']).toEqual(before['dense1/weight']);
    expect(after['dense1/bias']).toEqual(before['dense1/bias']);
    expect(after['dense3/weight']).not.toEqual(before['dense3/weight']);
  });

  test('weights that were set are what a frozen layer works with', async () => {
    const estimator = make({ freeze: ['dense1/*'] });
    const weights = await estimator.getWeights();
    weights['dense1/weight']?.data.fill(0);
    weights['dense1/bias']?.data.fill(0);
    await estimator.setWeights(weights);
    await estimator.train(clouds(64));
    // With nothing coming through, the last layer's weights get no gradient.
    expect((await estimator.getWeights())['dense3/weight']).toEqual(weights['dense3/weight']);
  });

  test('globs that match nothing are told before the first step', async () => {
    const messages: string[] = [];
    await make({ freeze: ['dense1/*', 'features.*'], trainScalars: ['scale'] }).train(clouds(9), {
      onProgress: ({ message }) => void (message && messages.push(message)),
    });
    const all = 'matches no initializer of the model (it has dense1/weight, dense1/bias, dense3/weight, dense3/bias)';
    expect(messages).toEqual([`option freeze: "features.*" ${all}`, `option trainScalars: "scale" ${all}`]);
  });

  test.each([
    [{}, ['initializers of type float16 do not train: half; export the model in float32 to train them']],
    [{ freeze: ['half'] }, []],
  ])('weights in another precision are told, with %j', async (options, notes) => {
    const model = mlp({ inputs: 2, hidden: [3], outputs: 3, softmax: false });
    const { graph } = model;
    const cast = { opType: 'Cast', input: ['half'], output: ['bias'], attribute: toProto({ to: int(1) }) };
    graph.node.push(cast, { opType: 'Add', input: [graph.output[0]?.name ?? '', 'bias'], output: ['y'] });
    graph.output = [valueInfo('y', ['N', 3])];
    graph.initializer.push({ name: 'half', dims: [3], dataType: 10, rawData: Uint8Array.of(0, 60, 0, 60, 0, 60) });
    const messages: string[] = [];
    const estimator = make({ model: encodeModel(model), ...options });
    await estimator.train(clouds(9), { onProgress: ({ message }) => void (message && messages.push(message)) });
    expect(messages).toEqual(notes);
  });

  test('all frozen is refused', async () => {
    await expect(make({ freeze: ['*'] }).train(clouds(9))).rejects.toThrow('nothing to train');
  });

  test('a frozen batch normalisation keeps its statistics, another renews them', async () => {
    const model = new GraphBuilder({ seed: 3 })
      .input([2])
      .dense(6)
      .batchNorm()
      .relu()
      .dense(4)
      .batchNorm()
      .dense(3)
      .build();
    const { before, after } = await weightsAfter({ model, freeze: ['norm2/*'], epochs: 2 });
    for (const part of ['scale', 'bias', 'mean', 'variance']) {
      expect(after[`norm2/${part}`]).toEqual(before[`norm2/${part}`]);
      expect(after[`norm5/${part}`]).not.toEqual(before[`norm5/${part}`]);
    }
  });
});

describe('losses', () => {
  test('class weights and label smoothing give the loss computed by hand; evaluation stays plain', async () => {
    const samples = clouds(8);
    const classWeights = [1, 0.5, 3];
    const labelSmoothing = 0.2;
    const estimator = make({ classWeights, labelSmoothing, batchSize: 8 });
    const { data } = await estimator.predict({ data: samples.inputs, shape: [8, 2] });
    const plain = await estimator.evaluate(samples);
    let [expected, unweighted] = [0, 0];
    samples.labels.forEach((label, row) => {
      const logs = [0, 1, 2].map((k) => Math.log(data[row * 3 + k] ?? NaN));
      const smooth = logs.reduce((sum, log, k) => sum + log * ((k === label ? 0.8 : 0) + 0.2 / 3), 0);
      expected -= ((classWeights[label] ?? NaN) * smooth) / 8;
      unweighted -= (logs[label] ?? NaN) / 8;
    });
    expect((await estimator.train(samples)).loss?.[0]).toBeCloseTo(expected, 5);
    expect(plain.loss?.[0]).toBeCloseTo(unweighted, 5);
  });

  test('binary cross-entropy learns labels that go together, with and without a final Sigmoid', async () => {
    const random = new Random(4);
    const count = 200;
    const inputs = Float32Array.from({ length: 2 * count }, () => random.normal());
    const labels = new Float32Array(2 * count);
    for (let i = 0; i < count; i++) {
      labels[2 * i] = (inputs[2 * i] ?? 0) > 0 ? 1 : 0;
      labels[2 * i + 1] = (inputs[2 * i] ?? 0) + (inputs[2 * i + 1] ?? 0) > 0 ? 1 : 0;
    }
    const samples: OnnxSamples = { inputs, labels, count, shape: [2] };
    const logits = () =>
      new GraphBuilder({ seed: 2 }).input([2]).dense(12).relu().dense(2, { initialisation: 'glorot' });
    const setup = { loss: 'bceWithLogits', optimizer: { name: 'adam', learningRate: 0.02 }, epochs: 20 } as const;
    const [plain, sigmoid] = [
      make({ ...setup, model: logits().build() }),
      make({ ...setup, model: logits().sigmoid().build() }),
    ];
    const metrics = await plain.train(samples);
    expect(metrics.accuracy?.at(-1)).toBeGreaterThan(0.95);
    const other = await sigmoid.train(samples);
    other.loss?.forEach((loss, i) => expect(loss).toBeCloseTo(metrics.loss?.[i] ?? NaN, 4));
    const { data } = await sigmoid.predict({ data: inputs, shape: [count, 2] });
    const cross = data.reduce((sum, p, i) => sum - Math.log(labels[i] ? p : 1 - p), 0) / data.length;
    expect((await sigmoid.evaluate(samples)).loss?.[0]).toBeCloseTo(cross, 4);
  });

  test('one output takes class numbers 0 and 1', async () => {
    const samples = clouds(60);
    const labels = (samples.labels as Int32Array).map((label) => (label === 0 ? 1 : 0));
    const model = mlp({ inputs: 2, hidden: [8], outputs: 1, softmax: false, seed: 1 });
    const estimator = make({
      model,
      loss: 'bceWithLogits',
      epochs: 30,
      optimizer: { name: 'adam', learningRate: 0.03 },
    });
    await estimator.train({ ...samples, labels });
    expect((await estimator.evaluate({ ...samples, labels })).accuracy?.[0]).toBeGreaterThan(0.95);
    const wrong = { ...samples, labels: labels.map((label) => label + 1) };
    await expect(estimator.evaluate(wrong)).rejects.toThrow('the model has classes 0 to 1');
  });

  test.each([
    [{ loss: 'mse', classWeights: [1] }, 'option classWeights: works with loss softmaxCrossEntropy only, not mse'],
    [{ loss: 'bceWithLogits', labelSmoothing: 0.1 }, 'option labelSmoothing: works with'],
    [{ labelSmoothing: 1 }, 'option labelSmoothing: 1 is not in [0, 1)'],
    [{ classWeights: [1, -1, 1] }, 'option classWeights[1]: -1'],
    [{ clipNorm: 0 }, 'option clipNorm: 0'],
    [{ accumulate: 0 }, 'option accumulate: 0'],
    [{ seed: NaN }, 'option seed: NaN'],
    [{ seed: 0.5 }, 'option seed: 0.5'],
    [{ checkpointEvery: { seconds: -1 } }, 'option checkpointEvery.seconds: -1'],
    [{ checkpointEvery: { steps: 1.5 } }, 'option checkpointEvery.steps: 1.5'],
    [{ earlyStopping: { patience: 0 } }, 'option earlyStopping.patience: 0'],
    [{ optimizer: { name: 'adamw', learningRate: 0.1, weightDecay: -1 } }, 'option optimizer.weightDecay: -1'],
  ])('%j is refused with its path', (options, message) => {
    expect(() => make(options as Partial<OnnxEstimatorOptions>)).toThrow(message);
  });

  test('weights for another number of classes are refused before training', async () => {
    await expect(make({ classWeights: [1, 2] }).train(clouds(9))).rejects.toThrow('2 weights for 3 classes');
  });
});

describe('early stopping', () => {
  const setup = { epochs: 50, optimizer: { name: 'sgd', learningRate: 1e-6 } as const };

  test('ends when the metric no longer improves by enough', async () => {
    const estimator = make({ ...setup, earlyStopping: { patience: 3, metric: 'loss', minDelta: 0.01 } });
    const messages: string[] = [];
    const metrics = await estimator.train(clouds(32), {
      onProgress: ({ message }) => void (message && messages.push(message)),
    });
    expect(metrics.loss).toHaveLength(4);
    expect(messages.at(-1)).toMatch(/^stopped: loss has not improved on .* for 3 epochs$/);
  });

  test('gives back the weights of the best epoch, or those of the last', async () => {
    // Learning wrong labels makes the loss on right ones worse and worse.
    const wild = { epochs: 30, optimizer: { name: 'adam', learningRate: 0.05 } as const };
    const validation = clouds(40, 8);
    const samples = clouds(64);
    samples.labels = (samples.labels as Int32Array).map((label) => (label + 1) % 3);
    const losses: (number | undefined)[] = [];
    for (const restoreBest of [true, false]) {
      const estimator = make({ ...wild, earlyStopping: { patience: 4, restoreBest } });
      const { validationLoss = [] } = await estimator.train(samples, { validation });
      const loss = (await estimator.evaluate(validation)).loss?.[0] ?? NaN;
      expect(loss).toBeCloseTo(restoreBest ? Math.min(...validationLoss) : (validationLoss.at(-1) ?? NaN), 5);
      losses.push(loss);
    }
    expect(losses[0]).toBeLessThan(losses[1] ?? NaN);
  });

  test('a metric that there will not be is refused', async () => {
    const estimator = make({ earlyStopping: { patience: 1 } });
    await expect(estimator.train(clouds(9))).rejects.toThrow('no validationLoss here; give validation samples');
  });
});

describe('dropout', () => {
  const model = () => new GraphBuilder({ seed: 5 }).input([2]).dense(16).relu().dropout(0.5).dense(3).softmax().build();

  test('is seeded: equal seeds drop alike, others differently, and prediction drops nothing', async () => {
    const run = (seed: number) => weightsAfter({ model: model(), seed, epochs: 3, batchSize: 64 });
    const [one, same, other] = [await run(1), await run(1), await run(2)];
    expect(same.after).toEqual(one.after);
    expect(other.after).not.toEqual(one.after);
    const estimator = make({ model: model() });
    const input = { data: clouds(5).inputs, shape: [5, 2] };
    expect(await estimator.predict(input)).toEqual(await estimator.predict(input));
    const plain = await make({ model: model() }).evaluate(clouds(30));
    expect(plain).toEqual(await estimator.evaluate(clouds(30)));
  });
});
