/** Training worker: the image `sedna/defects-train`. It stays up for all rounds; its photographs never leave its node. */
import { FederatedLearning } from '../../../sdk/index.ts';
import { defectEstimator } from './estimator.ts';
import { readPatches } from './patches.ts';

const job = new FederatedLearning({ estimator: defectEstimator() });
const samples = await readPatches(job.config.trainDatasetUrl ?? '');
console.log(`takes part with ${samples.count} patches`);
const saved = await job.train(samples);
console.log(saved === undefined ? 'dismissed' : `dismissed; the global model is in ${saved.url}`);
