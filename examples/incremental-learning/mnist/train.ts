/** Training worker: the image `sedna/mnist-train`. Everything that it needs is in its environment. */
import { IncrementalLearning } from '../../../sdk/index.ts';
import { digitEstimator } from './estimator.ts';
import { readDigits } from './digits.ts';

const epochs = Number(process.env['EPOCHS'] ?? 5);
const job = new IncrementalLearning({ estimator: digitEstimator(epochs) });
const { trainDatasetUrl = '', originalDatasetUrl = trainDatasetUrl } = job.config;
const samples = await readDigits(trainDatasetUrl, originalDatasetUrl);
console.log(`training on ${samples.count} samples for ${epochs} epochs`);
const { url, metrics } = await job.train(samples);
console.log(`trained ${url}: ${JSON.stringify(metrics)}`);
