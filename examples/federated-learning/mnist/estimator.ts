import { mlp, OnnxEstimator } from '../../../sdk/estimators/onnx/index.ts';
import { classes, pixels } from '../../incremental-learning/mnist/digits.ts';

/** 784-64-10, the same graph on every node. What the job's `trainingConfig` says wins over what is written here. */
export function federatedEstimator(): OnnxEstimator {
  return new OnnxEstimator({
    model: mlp({ inputs: pixels, hidden: [64], outputs: classes, seed: 1 }),
    loss: 'softmaxCrossEntropy',
    optimizer: { name: 'sgd', learningRate: 0.1 },
    epochs: 1,
    batchSize: 32,
    threads: 1,
    checkpointEvery: { seconds: 1 },
  });
}
