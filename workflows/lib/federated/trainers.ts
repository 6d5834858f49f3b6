/** The workers of a run's clients: resident on their nodes from the first task to the last. */
import type { BlobRef, TrainClientInput, WorkerSpec } from '../../../activities/contracts.ts';
import { farewell } from '../activities.ts';
import { serviceWorkerName, type Owner } from '../ids.ts';
import { listenerOf } from './listeners.ts';
import { seedOf } from './settings.ts';
import type { ClientPlace, RunPlan } from './state.ts';

/** Whose run it is, and what it goes by. */
export interface RunPlace {
  owner: Owner;
  runId: string;
  plan: RunPlan;
}

/** A client that can be asked. */
export type PresentClient = ClientPlace & { place: NonNullable<ClientPlace['place']> };

export function isPresent(client: ClientPlace | undefined): client is PresentClient {
  return client?.place !== undefined;
}

/** What tasks of a client have in common. */
export function taskFor(
  { owner, runId, plan }: RunPlace,
  client: PresentClient,
  round: number,
  turn = 0,
): Omit<TrainClientInput, 'task' | 'settings' | 'evaluate'> {
  return {
    identity: { run: runId, round, client: client.client, ...(turn === 0 ? {} : { turn }) },
    worker: trainerOf(owner, plan, client),
    dataset: client.place.source,
    seed: seedOf(plan.fields.selection.seed, client.client, round, turn),
    policy: plan.fields.updates,
    ...(plan.fields.keepWarm ? {} : { keepWarm: false }),
    listener: listenerOf(owner, 'client'),
  };
}

/** Workers of the two ends of Sedna's contract are told of each other by the same variables (control-plane reference 3.4). */
function trainerOf(
  owner: Owner,
  { fields, manifest, clients, model, pretrained }: RunPlan,
  client: PresentClient,
): WorkerSpec {
  const index = Number(client.client);
  return {
    name: trainerName(owner, client.client),
    owner,
    stage: 'Train',
    manifest,
    template: `spec.trainingWorkers[${index}].template`,
    env: {
      NAMESPACE: owner.namespace,
      JOB_NAME: owner.name,
      PARTICIPANTS_COUNT: String(clients.length),
      MODEL_NAME: fields.model,
      DATASET_NAME: client.dataset,
      TRAIN_DATASET_URL: client.place.source.url,
      TRANSMITTER: fields.transmitter,
    },
    models: {
      MODEL_URL: [{ url: model.url, format: model.format }],
      ...(pretrained === undefined ? {} : { PRETRAINED_MODEL_URL: [pretrained] }),
    },
    revision: JSON.stringify([fields.clients[index]?.templateDigest, client.place.node, client.place.source]),
  };
}

function trainerName(owner: Owner, client: string): string {
  return serviceWorkerName(owner, `train-${client}`);
}

/** Trainers save the final model as their own and end. One whose node is away is cleaned up by it when the job is deleted. */
export async function dismiss({ owner, runId, plan }: RunPlace, weights: BlobRef | undefined): Promise<void> {
  const byNode = new Map<string, PresentClient[]>();
  for (const client of plan.clients.filter(isPresent)) {
    const { node } = client.place;
    byNode.set(node, [...(byNode.get(node) ?? []), client]);
  }
  const rest = weights === undefined ? {} : { weights };
  const dismissals = [...byNode].map(([node, clients]) => {
    const workers = clients.map(({ client }) => trainerName(owner, client));
    const trainers = plan.fields.keepWarm ? {} : { trainers: clients.map((client) => trainerOf(owner, plan, client)) };
    const message = { run: runId, workers, ...rest, ...trainers };
    return farewell(node, `end of training on ${node}`, '90s').dismissClients(message);
  });
  await Promise.allSettled(dismissals);
}
