import { describe, expect, test } from '@jest/globals';
import { OnnxEstimator, cnn, mlp } from '../../../../sdk/estimators/onnx/index.ts';
import { mnistDigits } from '../../../support/mnist-digits.ts';

describe('training on handwritten digits', () => {
  test('an MLP reads more than 90 % of unseen digits after four epochs', async () => {
    const estimator = new OnnxEstimator({
      model: mlp({ inputs: 784, hidden: [64], outputs: 10, seed: 1 }),
      loss: 'softmaxCrossEntropy',
      optimizer: { name: 'adam', learningRate: 1e-3 },
      epochs: 4,
      batchSize: 64,
      seed: 7,
    });
    const metrics = await estimator.train(mnistDigits(600));
    const { accuracy } = await estimator.evaluate(mnistDigits(100, 700));
    expect(accuracy?.[0]).toBeGreaterThan(0.9);
    expect(metrics.loss).toHaveLength(4);
    expect(metrics.loss?.at(-1)).toBeLessThan(metrics.loss?.[0] ?? 0);
    await estimator.close();
  });

  test('a CNN reads more than 90 % of unseen digits', async () => {
    const estimator = new OnnxEstimator({
      model: cnn({ inputs: [1, 28, 28], filters: [8], kernel: 5, outputs: 10, seed: 1 }),
      loss: 'softmaxCrossEntropy',
      optimizer: { name: 'sgd', learningRate: 0.05, momentum: 0.9 },
      epochs: 3,
      batchSize: 32,
    });
    await estimator.train(mnistDigits(300, 0, [1, 28, 28]));
    const { accuracy } = await estimator.evaluate(mnistDigits(50, 700, [1, 28, 28]));
    expect(accuracy?.[0]).toBeGreaterThan(0.9);
    await estimator.close();
  });
});
