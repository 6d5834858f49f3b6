/** A trainer that does not train: `WEIGHTS` singles in ten layers, handed back as they came. */
import { FederatedLearning, type Weights } from '../../sdk/index.ts';

const layers = 10;
const n = Number(process.env['WEIGHTS'] ?? '1000');

function made(): Weights {
  const size = Math.floor(n / layers);
  const data = Float32Array.from({ length: size }, (_, i) => Math.sin(i + 1));
  return Object.fromEntries(Array.from({ length: layers }, (_, i) => [`layer-${i}`, { shape: [size], data }]));
}

let weights = made();
const estimator = {
  train: async () => ({}),
  getWeights: async () => weights,
  setWeights: async (given: Weights) => void (weights = given),
};
await new FederatedLearning({ estimator }).train({ count: 1 });
