/** Training images that were made for the original's library: what they are told, and which of them cannot take part. */
import { failure } from '../../lib/failure.ts';

/** The aggregation server that a trainer connects to is its own local controller. */
export function aggregatorAt(address: string): { AGG_IP: string; AGG_PORT: string } {
  const { hostname, port } = new URL(address);
  return { AGG_IP: hostname, AGG_PORT: port };
}

/** Names of the published images whose program is the Plato-based second version, which speaks another protocol. */
const platoImages = [
  /federated-learning-mistnet/,
  /federated-learning-surface-defect-detection-v2/,
  // Up to v0.3 these names were images of the first version.
  /federated-learning-surface-defect-detection-(train|aggregation)(?!:v0\.[0-3](\.\d+)?$)(:|@|$)/,
];

/** Throws `InvalidTemplate` with what to do. */
export function refusePlato(image: string, stage: 'Train' | 'Aggregation' = 'Train'): void {
  if (!platoImages.some((pattern) => pattern.test(image))) return;
  const [does, cure] =
    stage === 'Train'
      ? ['trains with Plato (FederatedLearningV2)', 'use an image that calls FederatedLearning']
      : [
          'aggregates with Plato (AggregationServerV2)',
          'use an image that runs AggregationServer, or leave the strategy out',
        ];
  throw failure('InvalidTemplate', `image ${image}: ${does}, whose protocol is not spoken here; ${cure}`);
}
