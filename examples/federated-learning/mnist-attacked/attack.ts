/**
 * Training worker that lies: the image `sedna/mnist-federated-attack`. It trains as it is told, then hands over the global weights moved
 * the opposite way, five times as far (a scaled sign flip). Nothing about such an update is malformed, so no check refuses it.
 */
import { FederatedLearning, type Weights } from '../../../sdk/index.ts';
import { readDigits } from '../../incremental-learning/mnist/digits.ts';
import { federatedEstimator } from '../mnist/estimator.ts';

const factor = -5;
const estimator = federatedEstimator();
let began: Weights | undefined;

const setWeights = estimator.setWeights.bind(estimator);
estimator.setWeights = async (weights) => {
  began = weights;
  await setWeights(weights);
};
const getWeights = estimator.getWeights.bind(estimator);
estimator.getWeights = async () => {
  const trained = await getWeights();
  return began === undefined ? trained : moved(began, trained);
};

function moved(from: Weights, to: Weights): Weights {
  const entries = Object.entries(to).map(([name, { shape, data }]) => {
    const start = from[name]?.data ?? data;
    return [
      name,
      { shape, data: data.map((value, i) => (start[i] ?? 0) + factor * (value - (start[i] ?? 0))) },
    ] as const;
  });
  return Object.fromEntries(entries);
}

const job = new FederatedLearning({ estimator });
const { trainDatasetUrl = '' } = job.config;
await job.train(await readDigits(trainDatasetUrl, trainDatasetUrl));
