/** Evaluation worker: the image `sedna/joint-digits-eval`. Judges the new model, then the deployed one, on other hard examples. */
import { IncrementalLearning } from '../../../sdk/index.ts';
import { readHardDigits } from './hard-digits.ts';
import { littleEstimator } from './models.ts';

const job = new IncrementalLearning({ estimator: littleEstimator() });
const samples = await readHardDigits(job.config.testDatasetUrl ?? '');
for (const { url, metrics } of await job.evaluate(samples)) {
  console.log(`${url} on ${samples.count} hard examples: ${JSON.stringify(metrics)}`);
}
