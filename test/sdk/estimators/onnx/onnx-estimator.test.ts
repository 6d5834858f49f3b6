import { existsSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Progress } from '../../../../sdk/estimators/estimator.ts';
import { GraphBuilder, OnnxEstimator, OnnxModel, cnn, mlp } from '../../../../sdk/estimators/onnx/index.ts';
import type { OnnxEstimatorOptions, OnnxSamples } from '../../../../sdk/estimators/onnx/index.ts';
import { clouds } from './support/samples.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'onnx-estimator-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function make(options: Partial<OnnxEstimatorOptions> = {}): OnnxEstimator {
  return new OnnxEstimator({
    model: mlp({ inputs: 2, hidden: [8], outputs: 3, seed: 1 }),
    loss: 'softmaxCrossEntropy',
    optimizer: { name: 'adam', learningRate: 0.02 },
    epochs: 3,
    batchSize: 16,
    threads: 1,
    ...options,
  });
}

describe('training', () => {
  test('learns three clouds, and equal runs give equal weights', async () => {
    const [one, two] = [make({ epochs: 12 }), make({ epochs: 12 })];
    const metrics = await one.train(clouds(300));
    expect(await two.train(clouds(300))).toEqual(metrics);
    expect(await two.getWeights()).toEqual(await one.getWeights());
    expect((await one.evaluate(clouds(90, 2))).accuracy?.[0]).toBeGreaterThan(0.95);
    const other = make({ epochs: 12, seed: 9 });
    await other.train(clouds(300));
    expect(await other.getWeights()).not.toEqual(await one.getWeights());
  });

  test('class numbers and one-hot rows train alike', async () => {
    const samples = clouds(50);
    const labels = new Float32Array(150);
    (samples.labels as Int32Array).forEach((label, i) => (labels[i * 3 + label] = 1));
    const [a, b] = [make(), make()];
    expect(await a.train(samples)).toEqual(await b.train({ ...samples, labels }));
    expect(await a.getWeights()).toEqual(await b.getWeights());
  });

  test('with one batch per epoch the loss reported is the mean over exactly the given rows', async () => {
    const samples = clouds(37);
    const before = (await make().evaluate(samples)).loss?.[0] ?? NaN;
    const { loss } = await make({ batchSize: 100, epochs: 1 }).train(samples);
    expect(loss?.[0]).toBeCloseTo(before, 5);
  });

  test('a last batch that is not full weighs by its rows', async () => {
    // At a vanishing learning rate the mean over an epoch is the mean over the samples, whatever the batches.
    const samples = clouds(37);
    const optimizer = { name: 'sgd', learningRate: 1e-12 } as const;
    const expected = await make().evaluate(samples);
    for (const batchSize of [1, 5, 16, 36]) {
      const { loss, accuracy } = await make({ batchSize, epochs: 1, optimizer }).train(samples);
      expect(loss?.[0]).toBeCloseTo(expected.loss?.[0] ?? NaN, 5);
      expect(accuracy?.[0]).toBeCloseTo(expected.accuracy?.[0] ?? NaN, 6);
    }
  });

  test('evaluation does not depend on how rows fall into batches', async () => {
    const estimator = make();
    const all = await estimator.evaluate(clouds(600));
    const { data } = await estimator.predict({ data: clouds(600).inputs, shape: [600, 2] });
    const rows = Array.from({ length: 600 }, (_, i) => [...data.subarray(3 * i, 3 * i + 3)]);
    const labels = clouds(600).labels;
    const loss = rows.reduce((sum, row, i) => sum - Math.log(row[labels[i] ?? 0] ?? 0), 0) / 600;
    const right = rows.filter((row, i) => row.indexOf(Math.max(...row)) === labels[i]).length;
    expect(all.loss?.[0]).toBeCloseTo(loss, 4);
    expect(all.accuracy?.[0]).toBeCloseTo(right / 600, 6);
  });

  test('validation samples give metrics per epoch and change nothing else', async () => {
    const [plain, validated] = [make(), make()];
    const metrics = await validated.train(clouds(64), { validation: clouds(40, 5) });
    expect(metrics).toMatchObject(await plain.train(clouds(64)));
    expect(metrics.validationLoss).toHaveLength(3);
    const { loss, accuracy } = await validated.evaluate(clouds(40, 5));
    expect(metrics.validationLoss?.at(-1)).toBeCloseTo(loss?.[0] ?? NaN, 6);
    expect(metrics.validationAccuracy?.at(-1)).toBe(accuracy?.[0]);
  });

  test('progress counts steps up to the total', async () => {
    const seen: Progress[] = [];
    await make().train(clouds(40), { onProgress: (progress) => void seen.push(progress) });
    expect(seen.map(({ step }) => step)).toEqual([3, 6, 9]);
    expect(seen.every(({ total }) => total === 9)).toBe(true);
    expect(seen.at(-1)?.metrics?.epoch).toBe(3);
  });

  test('regression with mse finds the line', async () => {
    const samples: OnnxSamples = {
      inputs: Float32Array.from({ length: 50 }, (_, i) => i / 25 - 1),
      labels: Float32Array.from({ length: 50 }, (_, i) => 3 * (i / 25 - 1) - 0.5),
      count: 50,
      shape: [1],
    };
    const estimator = make({
      model: mlp({ inputs: 1, outputs: 1, softmax: false }),
      loss: 'mse',
      optimizer: { name: 'sgd', learningRate: 0.1, momentum: 0.9 },
      epochs: 60,
    });
    const metrics = await estimator.train(samples);
    expect(Object.keys(metrics)).toEqual(['loss']);
    expect((await estimator.evaluate(samples)).mse?.[0]).toBeLessThan(1e-6);
    const { data } = await estimator.predict({ data: Float32Array.of(2), shape: [1] });
    expect(data[0]).toBeCloseTo(5.5, 2);
  });

  test('an abort stops between steps, leaves the model as it was and keeps a checkpoint to go on from', async () => {
    const checkpoint = join(folder, 'abort.ckpt');
    const [estimator, undisturbed] = [make({ epochs: 40 }), make({ epochs: 40 })];
    const before = await estimator.getWeights();
    const controller = new AbortController();
    const onProgress = ({ step }: Progress) => (step >= 21 ? controller.abort(new Error('node drains')) : undefined);
    const { signal } = controller;
    await expect(estimator.train(clouds(100), { checkpoint, signal, onProgress })).rejects.toThrow('node drains');
    expect(await estimator.getWeights()).toEqual(before);
    const messages: string[] = [];
    const metrics = await estimator.train(clouds(100), {
      checkpoint,
      onProgress: ({ message }) => void (message && messages.push(message)),
    });
    expect(messages).toEqual([`resumed from ${checkpoint} at step 22`]);
    expect(metrics).toEqual(await undisturbed.train(clouds(100)));
    expect(await estimator.getWeights()).toEqual(await undisturbed.getWeights());
    expect(existsSync(checkpoint)).toBe(false);
  });

  test.each([
    ['another batch size', { batchSize: 8 }, clouds(100), 'another model, data set or configuration'],
    ['other data', {}, clouds(100, 77), 'another model, data set or configuration'],
    ['another start', { model: mlp({ inputs: 2, hidden: [8], outputs: 3, seed: 2 }) }, clouds(100), 'another model'],
    ['damage', {}, clouds(100), 'digest does not match'],
  ])('a checkpoint with %s is ignored with the reason', async (what, options, samples, reason) => {
    const checkpoint = join(folder, `${what}.ckpt`);
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    const aborted = make().train(clouds(100), { checkpoint, signal: controller.signal, onProgress });
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    if (what === 'damage') {
      const bytes = await readFile(checkpoint);
      bytes[bytes.length - 3] = (bytes.at(-3) ?? 0) ^ 1;
      await writeFile(checkpoint, bytes);
    }
    const messages: string[] = [];
    const metrics = await make(options).train(samples, {
      checkpoint,
      onProgress: ({ message }) => void (message && messages.push(message)),
    });
    expect(messages).toHaveLength(1);
    expect(messages[0]).toContain(reason);
    expect(metrics).toEqual(await make(options).train(samples));
  });

  test('a model or weights that come while a training begins are refused, and the training counts', async () => {
    const [estimator, other] = [make({ epochs: 10 }), make({ epochs: 10 })];
    const file = join(folder, 'meanwhile.onnx');
    await estimator.save(file);
    const weights = await estimator.getWeights();
    const late = [estimator.load(file), estimator.setWeights(weights)];
    const training = estimator.train(clouds(100));
    const outcomes = await Promise.allSettled(late);
    expect(outcomes.map((one) => one.status === 'rejected' && (one.reason as Error).message)).toEqual([
      'this model is in training: load when it has finished',
      'this model is in training: set weights when it has finished',
    ]);
    await training;
    await other.train(clouds(100));
    expect(await estimator.getWeights()).toEqual(await other.getWeights());
    await estimator.load(file);
    expect(await estimator.getWeights()).toEqual(weights);
  });

  test('a checkpoint of a training with other validation samples is ignored', async () => {
    const checkpoint = join(folder, 'validated.ckpt');
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    const { signal } = controller;
    const aborted = make().train(clouds(100), { checkpoint, signal, onProgress, validation: clouds(30, 1) });
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    const messages: string[] = [];
    const metrics = await make().train(clouds(100), {
      checkpoint,
      validation: clouds(30, 2),
      onProgress: ({ message }) => void (message && messages.push(message)),
    });
    expect(messages.join()).toContain('another model, data set or configuration');
    expect(metrics).toEqual(await make().train(clouds(100), { validation: clouds(30, 2) }));
  });

  test('a checkpoint that cannot be written is told and does not stop the training', async () => {
    const blocker = join(folder, 'a-file');
    await writeFile(blocker, '');
    const messages: string[] = [];
    const metrics = await make({ checkpointEvery: { steps: 5 } }).train(clouds(100), {
      checkpoint: join(blocker, 'x.ckpt'),
      onProgress: ({ message }) => void (message && messages.push(message)),
    });
    expect(metrics.loss).toHaveLength(3);
    expect(messages.filter((message) => message.includes('cannot be written'))).toHaveLength(4);
  });

  test('a checkpoint is renewed by time too', async () => {
    const checkpoint = join(folder, 'timed.ckpt');
    const seen: boolean[] = [];
    const onProgress = () => void seen.push(existsSync(checkpoint));
    await make({ checkpointEvery: { seconds: 0 } }).train(clouds(40), { checkpoint, onProgress });
    expect(seen).toEqual([true, true, true]);
    expect(existsSync(checkpoint)).toBe(false);
  });

  test('a diverging training stops with the step and leaves the model as it was', async () => {
    const checkpoint = join(folder, 'diverged.ckpt');
    const estimator = make({
      model: mlp({ inputs: 2, hidden: [8], outputs: 3, softmax: false }),
      loss: 'mse',
      optimizer: { name: 'sgd', learningRate: 1e6 },
      checkpointEvery: { steps: 1 },
    });
    const before = await estimator.getWeights();
    const samples = { ...clouds(200), labels: new Float32Array(600).fill(1) };
    await expect(estimator.train(samples, { checkpoint })).rejects.toMatchObject({
      name: 'TrainingDiverged',
      type: 'TrainingDiverged',
      step: expect.any(Number),
      message: expect.stringContaining('lower optimizer.learningRate (now 1000000'),
    });
    expect(await estimator.getWeights()).toEqual(before);
    expect(existsSync(checkpoint)).toBe(false);
  });

  test('two trainings of one model at once are refused', async () => {
    const estimator = make();
    const first = estimator.train(clouds(50));
    await expect(estimator.train(clouds(50))).rejects.toThrow('in training already');
    await expect(estimator.setWeights({})).rejects.toThrow('in training');
    await first;
  });
});

describe('samples that cannot be used are refused by index', () => {
  const good = clouds(9);
  const poisoned = Float32Array.from(good.inputs);
  poisoned[11] = NaN;
  test.each([
    [{ inputs: poisoned }, 'sample 5 has NaN at position 1'],
    [{ labels: Int32Array.of(0, 1, 2, 3, 0, 1, 2, 0, 1) }, 'sample 3 has label 3, the model has classes 0 to 2'],
    [{ labels: Int32Array.of(0, -1, 2, 0, 0, 1, 2, 0, 1) }, 'sample 1 has label -1'],
    [{ labels: Int32Array.of(0) }, 'labels has 1 entries for 9 samples'],
    [{ labels: new Float32Array(9) }, '9 samples with 3 outputs need 27 (class numbers go into an Int32Array)'],
    [{ labels: new Float32Array(27) }, 'sample 0 has one-hot label [0, 0, 0]'],
    [{ shape: [3] }, 'samples have shape [3], input "input" of the model takes [2]'],
    [{ inputs: new Float32Array(17) }, 'inputs has 17 values, 9 samples of shape [2] need 18'],
    [{ count: 0 }, 'count is 0'],
  ])('%#: %s', async (change, message) => {
    const estimator = make();
    await expect(estimator.train({ ...good, ...change })).rejects.toMatchObject({
      type: 'InvalidSamples',
      message: expect.stringContaining(message),
    });
    await expect(estimator.evaluate({ ...good, ...change })).rejects.toThrow(message);
  });

  test('class numbers do not train a regression', async () => {
    const estimator = make({ loss: 'mse' });
    await expect(estimator.train(good)).rejects.toThrow('loss mse needs a Float32Array');
  });

  test.each([
    [{ epochs: 0 }, 'option epochs: 0'],
    [{ batchSize: 1.5 }, 'option batchSize: 1.5'],
    [{ loss: 'hinge' }, 'option loss: "hinge" is unknown; known: bceWithLogits, mse, softmaxCrossEntropy'],
  ])('option %j is refused at once', (change, message) => {
    expect(() => make(change as Partial<OnnxEstimatorOptions>)).toThrow(message);
  });
});

describe('weights and files', () => {
  test('a saved model predicts alike in any ONNX runtime and loads into another estimator', async () => {
    const file = join(folder, 'saved', 'model.onnx');
    const estimator = make();
    await estimator.train(clouds(60));
    const input = { data: clouds(4).inputs, shape: [4, 2] };
    const expected = await estimator.predict(input);
    expect(expected.shape).toEqual([4, 3]);
    await estimator.save(file);
    expect(await readdir(join(folder, 'saved'))).toEqual(['model.onnx']);

    const plain = await OnnxModel.open(file);
    const { output } = await plain.run({ input: { datatype: 'float32', ...input } });
    expect(output?.data).toEqual(expected.data);
    await plain.close();
    const other = make({ model: mlp({ inputs: 2, hidden: [8], outputs: 3, seed: 44 }) });
    await other.load(file);
    expect(await other.predict(input)).toEqual(expected);
    expect(await other.getWeights()).toEqual(await estimator.getWeights());
    expect(await make({ model: file }).predict(input)).toEqual(expected);
  });

  test('files that are no model are refused by name and the present model stays', async () => {
    const whole = new GraphBuilder({ seed: 1 }).input([2]).dense(50).relu().dense(3).toBytes();
    const estimator = make();
    const before = await estimator.getWeights();
    const bad: [string, Uint8Array | string][] = [
      ['empty.onnx', ''],
      ['page.html', '<!DOCTYPE html><html><body>404 Not Found</body></html>'],
      ['text.onnx', 'not a model'],
      ['zeros.onnx', new Uint8Array(100)],
      ['truncated.onnx', whole.subarray(0, whole.length - 40)],
      ['half.onnx', whole.subarray(0, whole.length / 2)],
    ];
    for (const [name, content] of bad) {
      const file = join(folder, name);
      await writeFile(file, content);
      const refusal = { type: 'InvalidModel', message: expect.stringContaining(file) };
      await expect(estimator.load(file)).rejects.toMatchObject(refusal);
      await expect(OnnxModel.open(file)).rejects.toMatchObject(refusal);
    }
    await expect(estimator.load(join(folder, 'absent.onnx'))).rejects.toThrow('absent.onnx cannot be read');
    expect(await estimator.getWeights()).toEqual(before);
  });

  test('any prefix or flipped byte of a model is loaded or refused, never a crash', async () => {
    const whole = new GraphBuilder({ seed: 1 }).input([2]).dense(2).relu().toBytes();
    const estimator = make();
    const file = join(folder, 'fuzz.onnx');
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length), fc.nat(whole.length - 1), fc.nat(255), async (length, at, value) => {
        const bytes = whole.slice(0, length);
        if (at < length) bytes[at] = value;
        await writeFile(file, bytes);
        const outcome = await estimator.load(file).then(
          () => 'InvalidModel',
          (error: { type?: string }) => error.type,
        );
        expect(outcome).toBe('InvalidModel');
      }),
      { numRuns: 150 },
    );
  });

  test('weights go out as copies and come back in', async () => {
    const estimator = make();
    const weights = await estimator.getWeights();
    expect(Object.fromEntries(Object.entries(weights).map(([name, { shape }]) => [name, shape]))).toEqual({
      'dense1/weight': [2, 8],
      'dense1/bias': [8],
      'dense3/weight': [8, 3],
      'dense3/bias': [3],
    });
    weights['dense1/bias']?.data.fill(7);
    expect((await estimator.getWeights())['dense1/bias']?.data[0]).toBe(0);
    const input = { data: Float32Array.of(0.3, -0.2), shape: [1, 2] };
    const before = await estimator.predict(input);
    await estimator.setWeights(weights);
    expect((await estimator.getWeights())['dense1/bias']?.data[0]).toBe(7);
    expect((await estimator.predict(input)).data).not.toEqual(before.data);
  });

  test.each([
    ['missing', (w: Weights) => void delete w['dense1/bias'], '"dense1/bias" is missing'],
    [
      'unknown',
      (w: Weights) => void (w.extra = { shape: [1], data: new Float32Array(1) }),
      '"extra" is not a parameter',
    ],
    [
      'reshaped',
      (w: Weights) => void (w['dense1/weight']!.shape = [8, 2]),
      '"dense1/weight" has shape [8,2], expected [2,8]',
    ],
    [
      'short',
      (w: Weights) => void (w['dense1/weight']!.data = new Float32Array(3)),
      '"dense1/weight" has 3 values, expected 16',
    ],
    [
      'infinite',
      (w: Weights) => void (w['dense3/bias']!.data[1] = Infinity),
      '"dense3/bias" has Infinity at position 1',
    ],
  ])('%s weights are refused and none is changed', async (_, spoil, message) => {
    const estimator = make();
    const before = await estimator.getWeights();
    const weights = await estimator.getWeights();
    weights['dense1/weight']?.data.fill(9);
    spoil(weights);
    await expect(estimator.setWeights(weights)).rejects.toMatchObject({ type: 'InvalidWeights' });
    await expect(estimator.setWeights(weights)).rejects.toThrow(message);
    expect(await estimator.getWeights()).toEqual(before);
  });

  test('a CNN takes samples as flat rows too', async () => {
    const estimator = make({ model: cnn({ inputs: [1, 8, 8], filters: [2], kernel: 3, outputs: 2 }) });
    const samples = { inputs: new Float32Array(4 * 64), labels: new Int32Array(4), count: 4, shape: [64] };
    expect((await estimator.train(samples)).loss).toHaveLength(3);
    const { shape } = await estimator.predict({ data: new Float32Array(64), shape: [1, 8, 8] });
    expect(shape).toEqual([1, 2]);
  });
});

type Weights = Awaited<ReturnType<OnnxEstimator['getWeights']>>;
