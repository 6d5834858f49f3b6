/** The aggregator of a user's own (`strategy: Worker`), as the node that aggregates is told of it. */
import type { AggregatorSpec } from '../../../activities/contracts.ts';
import type { FederatedLearningJobFields } from '../../../crds/fields.ts';
import { farewell } from '../activities.ts';
import { serviceWorkerName, type Owner } from '../ids.ts';
import type { RunPlace } from './trainers.ts';

export function isWorker({ aggregation }: Pick<FederatedLearningJobFields, 'aggregation'>): boolean {
  return aggregation.strategy === 'Worker';
}

/** What a person must know of such a job. */
export function workerMeaning(node: string | undefined): string {
  const where = node === undefined ? '' : ` on ${node}`;
  return `the image of the aggregation worker is run${where} and aggregates the rounds; what it keeps between rounds is lost when it ends`;
}

/** `updates`: that it waits for. It is another one, started anew, where its template or their count is another. */
export function aggregatorOf({ owner, runId, plan }: RunPlace, updates: number): AggregatorSpec {
  const { fields, manifest, model, pretrained } = plan;
  return {
    worker: {
      name: aggregatorName(owner),
      owner,
      stage: 'Aggregation',
      manifest,
      template: 'spec.aggregationWorker.template',
      env: {
        NAMESPACE: owner.namespace,
        JOB_NAME: owner.name,
        PARTICIPANTS_COUNT: String(updates),
        TRANSMITTER: fields.transmitter,
      },
      models: {
        MODEL_URL: [{ url: model.url, format: model.format }],
        ...(pretrained === undefined ? {} : { PRETRAINED_MODEL_URL: [pretrained] }),
      },
      revision: JSON.stringify([fields.aggregation.templateDigest, updates]),
    },
    run: runId,
  };
}

function aggregatorName(owner: Owner): string {
  return serviceWorkerName(owner, 'aggregation');
}

/** Stops it. `finished`: it has said itself that the rounds are over. One whose node is away is cleaned up by it when the job is deleted. */
export async function dismissAggregator({ owner, runId }: RunPlace, node: string, finished = false): Promise<void> {
  const message = { run: runId, workers: [], aggregator: { worker: aggregatorName(owner), finished } };
  await Promise.allSettled([farewell(node, `end of aggregation on ${node}`, '90s').dismissClients(message)]);
}
