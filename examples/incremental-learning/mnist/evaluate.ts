/** Evaluation worker: the image `sedna/mnist-eval`. Judges the new model, then the deployed one, on the same samples. */
import { IncrementalLearning } from '../../../sdk/index.ts';
import { digitEstimator } from './estimator.ts';
import { readDigits } from './digits.ts';

const job = new IncrementalLearning({ estimator: digitEstimator(1) });
const { testDatasetUrl = '', originalDatasetUrl = testDatasetUrl } = job.config;
const samples = await readDigits(testDatasetUrl, originalDatasetUrl);
for (const { url, metrics } of await job.evaluate(samples)) {
  console.log(`${url} on ${samples.count} samples: ${JSON.stringify(metrics)}`);
}
