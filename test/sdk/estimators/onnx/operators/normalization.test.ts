import { describe, expect, test } from '@jest/globals';
import { float, int, toProto } from '../../../../../sdk/estimators/onnx/graph/attributes.ts';
import { floatTensor } from '../../../../../sdk/estimators/onnx/graph/tensors.ts';
import { valueInfo } from '../../../../../sdk/estimators/onnx/graph/writer.ts';
import { Random } from '../../../../../sdk/estimators/onnx/index.ts';
import type { ModelProto } from '../../../../../sdk/estimators/onnx/index.ts';
import { findLoss } from '../../../../../sdk/estimators/onnx/losses/registry.ts';
import { makeOptimizer } from '../../../../../sdk/estimators/onnx/optimizers/registry.ts';
import { TrainingState } from '../../../../../sdk/estimators/onnx/training/state.ts';
import { buildStep } from '../../../../../sdk/estimators/onnx/training/step-graph.ts';
import { StepSession } from '../../../../../sdk/estimators/onnx/training/step-session.ts';
import { checkModel, checkOperator, checkTrainingForm, normal } from '../support/gradient-check.ts';

const random = new Random(51);

describe('LayerNormalization against central differences', () => {
  test.each([
    [[2, 3, 4], -1, [4]],
    [[2, 3, 4], 1, [3, 4]],
    [[5, 6], 1, [6]],
  ])('of %j from axis %i on', async (shape, axis, scale) => {
    const operands = [normal(random, shape), normal(random, scale), normal(random, scale)];
    await checkOperator({ type: 'LayerNormalization', operands, attributes: { axis: int(axis) }, epsilon: 3e-3 });
  });

  test('without a bias', async () => {
    const operands = [normal(random, [3, 5]), normal(random, [5])];
    await checkOperator({ type: 'LayerNormalization', operands, epsilon: 3e-3 });
  });
});

/** y = batchnorm(x * w): the weight in front makes the gradient at the layer's input count. */
function batchNormModel(channels: number, rest: number[]): ModelProto {
  const initializer = [
    floatTensor('w', [channels, ...rest], normal(random, [channels, ...rest]).data),
    floatTensor('bn.scale', [channels], normal(random, [channels]).data),
    floatTensor('bn.bias', [channels], normal(random, [channels]).data),
    floatTensor('bn.mean', [channels], normal(random, [channels]).data),
    floatTensor(
      'bn.var',
      [channels],
      normal(random, [channels]).data.map((x) => 0.5 + x * x),
    ),
  ];
  return {
    irVersion: 8,
    opsetImport: [{ version: 17 }],
    graph: {
      name: 'bn',
      node: [
        { opType: 'Mul', input: ['x', 'w'], output: ['h'] },
        {
          opType: 'BatchNormalization',
          name: 'bn',
          input: ['h', 'bn.scale', 'bn.bias', 'bn.mean', 'bn.var'],
          output: ['y'],
          attribute: toProto({ epsilon: float(1e-3), momentum: float(0.8) }),
        },
      ],
      initializer,
      input: [valueInfo('x', ['N', channels, ...rest])],
      output: [{ name: 'y' }],
    },
  };
}

describe('BatchNormalization', () => {
  test.each([
    [3, [2, 4]],
    [4, []],
  ])('gradients over the batch, %i channels of %j', async (channels, rest) => {
    const model = batchNormModel(channels, rest);
    const shape = [5, channels, ...rest];
    await checkTrainingForm(model, findLoss('mse'), normal(random, shape), normal(random, shape));
  });

  test('gradients with frozen statistics are those of the inference form', async () => {
    const shape = [4, 3, 2];
    const frozen = (name: string) => name === 'bn.mean' || name === 'bn.var';
    await checkModel(batchNormModel(3, [2]), findLoss('mse'), normal(random, shape), {
      ...normal(random, shape),
      frozen,
    });
  });

  test('a step uses the batch, moves the running statistics and leaves inference to them', async () => {
    const model = batchNormModel(2, [3]);
    const request = { model, batch: 4, loss: findLoss('mse') };
    const step = buildStep({ ...request, optimizer: makeOptimizer({ name: 'sgd', learningRate: 1 }) });
    expect(step.buffers.map(({ name }) => name)).toEqual(['bn.mean', 'bn.var']);
    const values = new Map(
      model.graph.initializer.map((one) => [one.name ?? '', new Float32Array(one.rawData!.slice().buffer)]),
    );
    const before = structuredClone(values);
    const state = new TrainingState(values);
    const session = await StepSession.open(step, state, 1);
    const x = normal(random, [4, 2, 3]).data;
    session.inputs.set(x as never);
    await session.run({ learningRate: 0 });
    await session.close();
    for (const channel of [0, 1]) {
      const at = (name: string, i: number) => before.get(name)?.[i] ?? NaN;
      const inputs = Array.from({ length: 12 }, (_, k) => [Math.floor(k / 3), k % 3] as const);
      const h = inputs.map(([n, i]) => (x[n * 6 + channel * 3 + i] ?? NaN) * at('w', channel * 3 + i));
      const mean = h.reduce((sum, value) => sum + value, 0) / h.length;
      const variance = h.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (h.length - 1);
      expect(state.get('bn.mean')?.[channel]).toBeCloseTo(0.8 * at('bn.mean', channel) + 0.2 * mean, 5);
      expect(state.get('bn.var')?.[channel]).toBeCloseTo(0.8 * at('bn.var', channel) + 0.2 * variance, 5);
    }
  });

  test('a batch of one value a channel leaves the running statistics alone and trains by them', async () => {
    const model = batchNormModel(3, []);
    const optimizer = makeOptimizer({ name: 'sgd', learningRate: 1 });
    const step = buildStep({ model, batch: 1, loss: findLoss('mse'), optimizer });
    expect(step.buffers.every(({ name, next }) => name === next)).toBe(true);
    await checkTrainingForm(model, findLoss('mse'), normal(random, [1, 3]), normal(random, [1, 3]));
  });
});
