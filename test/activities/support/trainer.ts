/** A federated training worker as a user would write it: real digits, a small network. `PER_DIGIT`, `FROM`: which digits are its own. */
import { FederatedLearning } from '../../../sdk/index.ts';
import { mlp, OnnxEstimator } from '../../../sdk/estimators/onnx/index.ts';
import { mnistDigits } from '../../support/mnist-digits.ts';

const { PER_DIGIT = '20', FROM = '0', HIDDEN = '16', EPOCHS = '2', STEP_MS = '0', START_MS = '0' } = process.env;
const estimator = new OnnxEstimator({
  model: mlp({ inputs: 784, hidden: [Number(HIDDEN)], outputs: 10, seed: 3 }),
  loss: 'softmaxCrossEntropy',
  optimizer: { name: 'sgd', learningRate: 0.05, momentum: 0.9 },
  epochs: Number(EPOCHS),
  batchSize: 20,
  threads: 1,
  checkpointEvery: { steps: 5 },
});
console.log(`pid ${process.pid} starts`);
// So that somebody can be told that it does not train yet: news have a second between them.
await new Promise((done) => setTimeout(done, Number(START_MS)));
const samples = mnistDigits(Number(PER_DIGIT), Number(FROM));
await new FederatedLearning({ estimator: slowed(estimator) }).train(samples);
console.log('dismissed');

/** So that a test has the time to do something in the middle of a training. */
function slowed(whole: OnnxEstimator): OnnxEstimator {
  const train = whole.train.bind(whole);
  whole.train = (data, options = {}) => {
    console.log(`trains with seed ${options.seed} ${JSON.stringify(options.settings)}`);
    const onProgress: typeof options.onProgress = async (progress) => {
      if (progress.message !== undefined) console.log(progress.message);
      await options.onProgress?.(progress);
      await new Promise((done) => setTimeout(done, Number(STEP_MS)));
    };
    return train(data, { ...options, onProgress });
  };
  return whole;
}
