import { describe, test } from '@jest/globals';
import { GraphBuilder, Random, cnn, mlp } from '../../../../sdk/estimators/onnx/index.ts';
import { findLoss } from '../../../../sdk/estimators/onnx/losses/registry.ts';
import { checkModel, normal } from './support/gradient-check.ts';
import type { Operand } from './support/gradient-check.ts';

const random = new Random(11);

function oneHot(rows: number, classes: number): Operand {
  const data = new Float32Array(rows * classes);
  for (let row = 0; row < rows; row++) data[row * classes + (random.next() % classes)] = 1;
  return { shape: [rows, classes], data };
}

describe('gradients of whole models against central differences', () => {
  test.each(['tanh', 'sigmoid'] as const)('MLP with %s, softmax cross-entropy', async (activation) => {
    const model = mlp({ inputs: 4, hidden: [5, 3], outputs: 3, activation, seed: 2 });
    await checkModel(model, findLoss('softmaxCrossEntropy'), normal(random, [6, 4]), oneHot(6, 3));
  });

  test('MLP that ends in logits', async () => {
    const model = mlp({ inputs: 4, hidden: [5], outputs: 3, activation: 'tanh', softmax: false, seed: 2 });
    await checkModel(model, findLoss('softmaxCrossEntropy'), normal(random, [6, 4]), oneHot(6, 3));
  });

  test('MLP regression, mean squared error', async () => {
    const model = mlp({ inputs: 3, hidden: [4], outputs: 2, activation: 'tanh', softmax: false, seed: 4 });
    await checkModel(model, findLoss('mse'), normal(random, [5, 3]), normal(random, [5, 2]));
  });

  test('CNN with average pooling and a reshape in front of the dense layers', async () => {
    const model = new GraphBuilder({ seed: 6 })
      .input([1, 7, 6])
      .conv2d(3, { kernel: 3, padding: 1, initialisation: 'glorot' })
      .tanh()
      .averagePool({ kernel: 2 })
      .conv2d(2, { kernel: 2, stride: 2 })
      .sigmoid()
      .reshape([2, 1])
      .flatten()
      .dense(3, { initialisation: 'glorot' })
      .softmax()
      .build();
    await checkModel(model, findLoss('softmaxCrossEntropy'), normal(random, [4, 1, 7, 6]), oneHot(4, 3));
  });

  test('the ready-made CNN with ReLU and max pooling', async () => {
    const model = cnn({ inputs: [1, 8, 8], filters: [3], kernel: 3, hidden: [6], outputs: 3, seed: 5 });
    await checkModel(model, findLoss('softmaxCrossEntropy'), normal(random, [3, 1, 8, 8]), oneHot(3, 3));
  });
});
