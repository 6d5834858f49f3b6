/** Training worker: the image `sedna/mnist-federated-train`. It stays up for all rounds; its digits never leave its node. */
import { FederatedLearning } from '../../../sdk/index.ts';
import { readDigits } from '../../incremental-learning/mnist/digits.ts';
import { federatedEstimator } from './estimator.ts';

const job = new FederatedLearning({ estimator: federatedEstimator() });
const { trainDatasetUrl = '', testDatasetUrl } = job.config;
const samples = await readDigits(trainDatasetUrl, trainDatasetUrl);
// The same digits for all clients, so that their verdicts on the global model can be compared.
const validation = testDatasetUrl === undefined ? undefined : await readDigits(testDatasetUrl, testDatasetUrl);
console.log(`takes part with ${samples.count} digits`);
const saved = await job.train(samples, { validation });
console.log(saved === undefined ? 'dismissed' : `dismissed; the global model is in ${saved.url}`);
