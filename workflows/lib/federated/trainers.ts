/** The workers of a run's clients: resident on their nodes from the first task to the last. */
import type { BlobRef, ModelSource, TrainClientInput, WorkerSpec } from '../../../activities/contracts.ts';
import type { FederatedLearningJobFields } from '../../../crds/fields.ts';
import { farewell } from '../activities.ts';
import { serviceWorkerName, type Owner } from '../ids.ts';
import { inTurns } from '../turns.ts';
import { clientListener } from './listeners.ts';
import { seedOf } from './settings.ts';
import type { RunPlan } from './state.ts';

/** Whose run it is, and what it goes by. */
export interface RunPlace {
  owner: Owner;
  runId: string;
  plan: RunPlan;
}

/** What the tasks of all clients of a run have in common. */
export interface TaskCommon {
  owner: Owner;
  runId: string;
  manifest: BlobRef;
  model: ModelSource;
  pretrained?: ModelSource;
  /** Clients of the job, whether or not they are there. */
  participants: number;
  fields: Pick<FederatedLearningJobFields, 'model' | 'transmitter' | 'updates' | 'keepWarm'>;
  /** Of the job. */
  seed: number;
}

export function commonOf({ owner, runId, plan }: RunPlace): TaskCommon {
  const { manifest, model: source, pretrained, clients } = plan;
  const { model, transmitter, updates, keepWarm, selection } = plan.fields;
  return {
    ...{ owner, runId, manifest, model: source },
    ...(pretrained === undefined ? {} : { pretrained }),
    participants: clients.length,
    fields: { model, transmitter, updates, keepWarm },
    seed: selection.seed,
  };
}

/** A client that can be asked: what only its own tasks say. */
export interface Trainer {
  client: string;
  dataset: string;
  node: string;
  source: { url: string; format: string };
  templateDigest?: string;
}

/** Undefined while it cannot be asked. */
export function trainerAt(
  { clients, fields }: Pick<RunPlan, 'clients' | 'fields'>,
  client: string,
): Trainer | undefined {
  const index = Number(client);
  const known = clients[index];
  if (known?.place === undefined || known.client !== client) return undefined;
  const { node, source } = known.place;
  const { templateDigest } = fields.clients[index] ?? {};
  return { client, dataset: known.dataset, node, source, ...(templateDigest === undefined ? {} : { templateDigest }) };
}

/** Of a client, whatever it is asked for. */
export function taskFor(
  common: TaskCommon,
  trainer: Trainer,
  round: number,
  turn = 0,
): Omit<TrainClientInput, 'task' | 'settings' | 'evaluate'> {
  const { owner, runId, fields, seed } = common;
  const { client, source } = trainer;
  return {
    identity: { run: runId, round, client, ...(turn === 0 ? {} : { turn }) },
    worker: workerOf(common, trainer),
    dataset: source,
    seed: seedOf(seed, client, round, turn),
    policy: fields.updates,
    ...(fields.keepWarm ? {} : { keepWarm: false }),
    listener: clientListener(owner),
  };
}

/** Workers of the two ends of Sedna's contract are told of each other by the same variables (control-plane reference 3.4). */
function workerOf(
  { owner, manifest, model, pretrained, participants, fields }: TaskCommon,
  { client, dataset, node, source, templateDigest }: Trainer,
): WorkerSpec {
  return {
    name: trainerName(owner, client),
    owner,
    stage: 'Train',
    manifest,
    template: `spec.trainingWorkers[${Number(client)}].template`,
    env: {
      NAMESPACE: owner.namespace,
      JOB_NAME: owner.name,
      PARTICIPANTS_COUNT: String(participants),
      MODEL_NAME: fields.model,
      DATASET_NAME: dataset,
      TRAIN_DATASET_URL: source.url,
      TRANSMITTER: fields.transmitter,
    },
    models: {
      MODEL_URL: [{ url: model.url, format: model.format }],
      ...(pretrained === undefined ? {} : { PRETRAINED_MODEL_URL: [pretrained] }),
    },
    revision: JSON.stringify([templateDigest, node, source]),
  };
}

function trainerName(owner: Owner, client: string): string {
  return serviceWorkerName(owner, `train-${client}`);
}

/** Trainers save the final model as their own and end. One whose node is away is cleaned up by it when the job is deleted. */
export async function dismiss(
  run: RunPlace,
  weights: BlobRef | undefined,
  trainers: Trainer[] = trainersOf(run.plan),
): Promise<void> {
  const { owner, runId, plan } = run;
  const common = commonOf(run);
  const byNode = new Map<string, Trainer[]>();
  for (const trainer of trainers) {
    const others = byNode.get(trainer.node) ?? [];
    others.push(trainer);
    byNode.set(trainer.node, others);
  }
  const rest = weights === undefined ? {} : { weights };
  await inTurns([...byNode], ([node, those]) => {
    const workers = those.map(({ client }) => trainerName(owner, client));
    const trainers = plan.fields.keepWarm ? {} : { trainers: those.map((trainer) => workerOf(common, trainer)) };
    const message = { run: runId, workers, ...rest, ...trainers };
    return farewell(node, `end of training on ${node}`, '90s').dismissClients(message);
  });
}

function trainersOf(plan: RunPlan): Trainer[] {
  return plan.clients.flatMap(({ client }) => trainerAt(plan, client) ?? []);
}

/** Those that an edit has taken out, or moved to another node. One that only cannot take part just now is not among them. */
export function leavers(before: RunPlan, now: RunPlan): Trainer[] {
  return trainersOf(before).filter(({ client, node }) => {
    const known = now.clients[Number(client)];
    return known?.client !== client || (known.place !== undefined && known.place.node !== node);
  });
}
