import { cnn, OnnxEstimator } from '../../../sdk/estimators/onnx/index.ts';
import { kinds, side } from './defects.ts';

/** A small CNN, the same graph in every factory. What the job's `trainingConfig` says wins over what is written here. */
export function defectEstimator(): OnnxEstimator {
  return new OnnxEstimator({
    model: cnn({
      inputs: [1, side, side],
      filters: [8, 16],
      kernel: 5,
      padding: 2,
      hidden: [32],
      outputs: kinds.length,
      seed: 1,
    }),
    loss: 'softmaxCrossEntropy',
    optimizer: { name: 'adam', learningRate: 0.002 },
    epochs: 1,
    batchSize: 32,
    threads: 1,
    checkpointEvery: { seconds: 1 },
  });
}
