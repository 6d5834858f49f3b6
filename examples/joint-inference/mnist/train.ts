/** Training worker: the image `sedna/joint-digits-train`. Goes on from the little model, on what that did not know. */
import { IncrementalLearning } from '../../../sdk/index.ts';
import { readHardDigits } from './hard-digits.ts';
import { littleEstimator } from './models.ts';

const job = new IncrementalLearning({ estimator: littleEstimator() });
const samples = await readHardDigits(job.config.trainDatasetUrl ?? '');
const { url, metrics } = await job.train(samples);
console.log(`trained ${url} on ${samples.count} hard examples: ${JSON.stringify(metrics)}`);
