/** Training worker of the campaign: an ordinary one of the SDK that writes down each training in a file of its own. */
import { join } from 'node:path';
import { FederatedLearning } from '../../../../sdk/index.ts';
import { Diary } from './diary.ts';
import { estimator, readPoints } from './points.ts';

const { TRAINED = '', WORKER_NAME = '' } = process.env;
const job = new FederatedLearning({ estimator: new Diary(estimator(), join(TRAINED, `${WORKER_NAME}.jsonl`)) });
await job.train(await readPoints(job.config.trainDatasetUrl ?? ''));
