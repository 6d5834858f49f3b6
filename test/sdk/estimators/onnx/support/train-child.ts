// A training in a process of its own: `train-child.ts CHECKPOINT MODEL_OUT`. Prints progress messages; may be killed at any time.
import { OnnxEstimator, mlp } from '../../../../../sdk/estimators/onnx/index.ts';
import { mnistDigits } from '../../../../support/mnist-digits.ts';

const [checkpoint = '', out = ''] = process.argv.slice(2);
const estimator = new OnnxEstimator({
  model: mlp({ inputs: 784, hidden: [32], outputs: 10, seed: 3 }),
  loss: 'softmaxCrossEntropy',
  optimizer: { name: 'adam', learningRate: 1e-3 },
  epochs: 12,
  batchSize: 24,
  seed: 5,
  threads: 2,
  checkpointEvery: { steps: 20 },
});
const metrics = await estimator.train(mnistDigits(100), {
  checkpoint,
  onProgress: ({ message, step }) => console.log(message ?? `step ${step}`),
});
await estimator.save(out);
console.log(JSON.stringify(metrics));
