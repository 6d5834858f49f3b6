import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { analyse } from '../../../../sdk/estimators/onnx/autodiff/forward.ts';
import { DataLoader, OnnxEstimator } from '../../../../sdk/estimators/onnx/index.ts';
import type { OnnxSamples, InputArray } from '../../../../sdk/estimators/onnx/index.ts';
import { LoadedModel } from '../../../../sdk/estimators/onnx/loaded-model.ts';
import { findLoss } from '../../../../sdk/estimators/onnx/losses/registry.ts';
import { makeOptimizer } from '../../../../sdk/estimators/onnx/optimizers/registry.ts';
import { gather } from '../../../../sdk/estimators/onnx/samples.ts';
import { makeSchedule } from '../../../../sdk/estimators/onnx/training/schedule.ts';
import { TrainingState } from '../../../../sdk/estimators/onnx/training/state.ts';
import { buildStep } from '../../../../sdk/estimators/onnx/training/step-graph.ts';
import { StepSession } from '../../../../sdk/estimators/onnx/training/step-session.ts';
import { readReference, referenceModel, referenceSamples } from './support/reference-data.ts';
import type { Reference } from './support/reference-data.ts';

/** Relative difference of the loss to PyTorch's that is allowed in every one of the 200 steps. */
const TOLERANCE = 1e-3;
/** The gradient of ReLU6 jumps. Until some value comes within rounding of a jump, curves are equal; steps until then at least. */
const STEPS_BEFORE_JUMPS = 15;

/**
 * Running statistics that follow from the curve. Means behind a bias do not: batch normalisation takes the bias out again, so that
 * its gradient is rounding noise, which Adam scales up to full steps on either side.
 */
function settled({ running }: Reference): string[] {
  return Object.keys(running).filter((tensor) => tensor.endsWith('running_var'));
}

/** Losses of the reference's steps, and running statistics at the end. */
async function follow(name: string, reference: Reference) {
  const path = referenceModel(name);
  const model = LoadedModel.decode(await readFile(path), path);
  const samples = referenceSamples(reference);
  const { batch, optimizer, losses, clipNorm, labelSmoothing } = reference;
  const frozen = (tensor: string) => !model.weights.has(tensor);
  const loss = findLoss('softmaxCrossEntropy', { labelSmoothing });
  const request = { model: model.proto, batch, loss, clipNorm, frozen };
  const graph = buildStep({ ...request, optimizer: makeOptimizer(optimizer) });
  const state = new TrainingState(model.weights);
  const session = await StepSession.open(graph, state, 1);
  const rate = makeSchedule(reference.schedule, optimizer.learningRate, losses.length);
  const actual: number[] = [];
  for (let step = 0; step < losses.length; step++) {
    const start = (step * batch) % samples.count;
    gather(
      samples,
      Uint32Array.from({ length: batch }, (_, i) => start + i),
      session,
    );
    actual.push((await session.run({ learningRate: rate(step) })).loss);
  }
  await session.close();
  return { losses: actual, state };
}

describe('curves equal to those of PyTorch on the same data, order and initial weights', () => {
  test.each([
    ['mlp-sgd', 'mlp-sgd'],
    ['cnn-adam', 'cnn-adam'],
    ['mobilenet-adamw', 'mobilenet-adamw'],
    ['transformer-adamw', 'transformer-adamw'],
    ['transformer-adamw.dynamo', 'transformer-adamw'],
  ])('%s, 200 steps', async (name, curve) => {
    const reference = readReference(curve);
    const { losses, state } = await follow(name, reference);
    expect(losses).toHaveLength(200);
    const differences = losses.map((loss, i) => Math.abs(loss / (reference.losses[i] ?? NaN) - 1));
    expect(Math.max(...differences)).toBeLessThanOrEqual(TOLERANCE);
    for (const tensor of settled(reference)) {
      const expected = reference.running[tensor] ?? [];
      const values = [...(state.get(tensor) ?? [])];
      expect(values).toHaveLength(expected.length);
      values.forEach((value, i) => expect(Math.abs(value - (expected[i] ?? NaN))).toBeLessThan(1e-3));
    }
  });

  test('with ReLU6 they part where PyTorch parts from itself', async () => {
    const reference = readReference('mobilenet-relu6');
    const { losses } = await follow('mobilenet-relu6', reference);
    const differences = losses.map((loss, i) => Math.abs(loss / (reference.losses[i] ?? NaN) - 1));
    // One rounding may send a value to the other side of a jump, and another gradient follows: PyTorch itself ends up this far off.
    expect(reference.ownDrift).toBeGreaterThan(TOLERANCE);
    expect(Math.max(...differences)).toBeLessThanOrEqual(5 * reference.ownDrift);
    expect(Math.max(...differences.slice(0, STEPS_BEFORE_JUMPS))).toBeLessThanOrEqual(1e-5);
  });
});

/** The samples by index, in the order of the index. */
function inOrder(samples: OnnxSamples<InputArray>): DataLoader {
  const width = samples.inputs.length / samples.count;
  return new DataLoader({
    count: samples.count,
    shape: samples.shape,
    shuffle: false,
    load: (indices) =>
      indices.map((i) => ({
        input: samples.inputs.slice(i * width, (i + 1) * width),
        label: samples.labels[i] ?? 0,
      })),
  });
}

describe('exported models through the estimator', () => {
  test.each(['mobilenet-adamw', 'transformer-adamw'])('%s: train, evaluate, predict, save, load', async (name) => {
    const reference = readReference(name);
    const { optimizer, batch, clipNorm, labelSmoothing, losses, rows } = reference;
    const epochs = Math.floor(losses.length / (rows / batch));
    const estimator = new OnnxEstimator({
      model: referenceModel(name),
      loss: 'softmaxCrossEntropy',
      optimizer,
      schedule: { ...reference.schedule, totalSteps: losses.length } as Reference['schedule'],
      clipNorm,
      labelSmoothing,
      batchSize: batch,
      epochs,
      threads: 1,
    });
    const samples = referenceSamples(reference);
    const metrics = await estimator.train(inOrder(samples));
    const perEpoch = rows / batch;
    metrics.loss?.forEach((loss, epoch) => {
      const expected =
        losses.slice(epoch * perEpoch, (epoch + 1) * perEpoch).reduce((sum, one) => sum + one, 0) / perEpoch;
      expect(Math.abs(loss / expected - 1)).toBeLessThan(TOLERANCE);
    });
    const judged = await estimator.evaluate(samples);
    expect(judged.accuracy?.[0]).toBeGreaterThan(0.9);
    expect(await estimator.evaluate(inOrder(samples))).toEqual(judged);
    const { data, shape } = await estimator.predict({ data: samples.inputs, shape: [samples.count, ...samples.shape] });
    const right = Array.from(samples.labels).filter((label, row) => {
      const scores = [...data.subarray(row * 4, row * 4 + 4)];
      return scores.indexOf(Math.max(...scores)) === label;
    });
    expect(shape).toEqual([rows, 4]);
    expect(right.length / rows).toBeCloseTo(judged.accuracy?.[0] ?? NaN, 6);
    await estimator.close();
  });

  test('shapes that the transformer computes are known, and its constants do not train', async () => {
    const path = referenceModel('transformer-adamw.dynamo');
    const model = LoadedModel.decode(await readFile(path), path);
    const forward = analyse(model.proto, { batch: 3, frozen: (name) => !model.weights.has(name) });
    expect(forward.output.shape).toEqual([3, 4]);
    expect(forward.parameters.every(({ dims = [] }) => dims.length > 0)).toBe(true);
    const count = forward.parameters.reduce((sum, { name = '' }) => sum + (model.weights.get(name)?.length ?? 0), 0);
    // Embedding, positions, two blocks, norm and head.
    expect(count).toBe(
      20 * 16 + 8 * 16 + 2 * (4 * 16 + 16 * 48 + 48 + 16 * 16 + 16 + 16 * 32 + 32 + 32 * 16 + 16) + 32 + 68,
    );
  });
});
