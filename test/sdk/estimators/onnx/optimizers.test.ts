import { describe, expect, test } from '@jest/globals';
import { floatTensor } from '../../../../sdk/estimators/onnx/graph/tensors.ts';
import { valueInfo } from '../../../../sdk/estimators/onnx/graph/writer.ts';
import type { ModelProto, OptimizerOptions } from '../../../../sdk/estimators/onnx/index.ts';
import { findLoss } from '../../../../sdk/estimators/onnx/losses/registry.ts';
import { makeOptimizer } from '../../../../sdk/estimators/onnx/optimizers/registry.ts';
import { TrainingState } from '../../../../sdk/estimators/onnx/training/state.ts';
import { buildStep } from '../../../../sdk/estimators/onnx/training/step-graph.ts';
import { StepSession } from '../../../../sdk/estimators/onnx/training/step-session.ts';

/** y = w x, one weight. With x = 1 and loss (y - t)^2 the gradient is 2 (w - t). */
const line: ModelProto = {
  irVersion: 8,
  opsetImport: [{ version: 17 }],
  graph: {
    name: 'line',
    node: [{ opType: 'Mul', input: ['x', 'w'], output: ['y'] }],
    initializer: [floatTensor('w', [1], Float32Array.of(2))],
    input: [valueInfo('x', ['N', 1])],
    output: [{ name: 'y' }],
  },
};

/** The weight after each of `targets.length` steps from w = 2. */
async function descend(optimizer: OptimizerOptions, targets: number[]): Promise<number[]> {
  const graph = buildStep({ model: line, batch: 1, loss: findLoss('mse'), optimizer: makeOptimizer(optimizer) });
  const state = new TrainingState([['w', Float32Array.of(2)]]);
  const session = await StepSession.open(graph, state, 1);
  const weights: number[] = [];
  for (const target of targets) {
    session.inputs[0] = 1;
    session.targets[0] = target;
    await session.run({ learningRate: optimizer.learningRate });
    weights.push(state.get('w')?.[0] ?? NaN);
  }
  await session.close();
  return weights;
}

function expectClose(actual: number[], expected: number[]): void {
  expect(actual).toHaveLength(expected.length);
  actual.forEach((value, i) => expect(value).toBeCloseTo(expected[i] ?? NaN, 5));
}

describe('optimizers against values computed by hand', () => {
  test('sgd: w - 0.1 * 2 (w - 1)', async () => {
    expectClose(await descend({ name: 'sgd', learningRate: 0.1 }, [1, 1, 1]), [1.8, 1.64, 1.512]);
  });

  test('sgd with momentum 0.5', async () => {
    // v: 2, 0.5*2 + 2*0.8 = 2.6, 0.5*2.6 + 2*0.54 = 2.38
    expectClose(await descend({ name: 'sgd', learningRate: 0.1, momentum: 0.5 }, [1, 1, 1]), [1.8, 1.54, 1.302]);
  });

  test('adam moves by the learning rate at first, then by the corrected means', async () => {
    // Step 1: g = 2, mhat = 2, vhat = 4: w = 2 - 0.1 * 2/2 = 1.9.
    // Step 2 towards 2: g = -0.2; m = 0.9*0.2 + 0.1*-0.2 = 0.16, mhat = 0.16/0.19; v = 0.999*0.004 + 0.001*0.04 = 0.004036, vhat = v/0.001999
    const second = 1.9 - (0.1 * (0.16 / 0.19)) / Math.sqrt(0.004036 / 0.001999);
    expectClose(await descend({ name: 'adam', learningRate: 0.1 }, [1, 2]), [1.9, second]);
  });

  test('adam follows the textbook recurrence for 50 steps with other betas and a large epsilon', async () => {
    const options = { name: 'adam', learningRate: 0.05, beta1: 0.8, beta2: 0.95, epsilon: 0.01 } as const;
    const targets = Array.from({ length: 50 }, (_, i) => Math.sin(i));
    let [w, m, v] = [2, 0, 0];
    const expected = targets.map((target, i) => {
      const g = 2 * (w - target);
      m = 0.8 * m + 0.2 * g;
      v = 0.95 * v + 0.05 * g * g;
      w -= (0.05 * (m / (1 - 0.8 ** (i + 1)))) / (Math.sqrt(v / (1 - 0.95 ** (i + 1))) + 0.01);
      return w;
    });
    const actual = await descend(options, targets);
    actual.forEach((value, i) => expect(value).toBeCloseTo(expected[i] ?? NaN, 4));
  });

  test.each([
    [{ name: 'sgd', learningRate: 0 }, 'optimizer.learningRate: 0'],
    [{ name: 'sgd', learningRate: 0.1, momentum: 1 }, 'optimizer.momentum: 1'],
    [{ name: 'adam', learningRate: 0.1, beta2: NaN }, 'optimizer.beta2: NaN'],
    [{ name: 'lion', learningRate: 0.1 }, 'optimizer.name: "lion" is unknown; known: adam, adamw, sgd'],
  ])('%j is refused with the path of the option', (options, message) => {
    expect(() => makeOptimizer(options as OptimizerOptions)).toThrow(message);
  });
});
