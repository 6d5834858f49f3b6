import { mlp, OnnxEstimator } from '../../../sdk/estimators/onnx/index.ts';
import { classes, pixels } from './digits.ts';

/** 784-64-10: small enough that a round takes seconds on any edge box. */
export function digitEstimator(epochs: number): OnnxEstimator {
  return new OnnxEstimator({
    model: mlp({ inputs: pixels, hidden: [64], outputs: classes, seed: 1 }),
    loss: 'softmaxCrossEntropy',
    optimizer: { name: 'adam', learningRate: 1e-3 },
    epochs,
    batchSize: 32,
    seed: 1,
    threads: 1,
    checkpointEvery: { seconds: 1 },
  });
}
