/**
 * One round: invite → collect with quorum and deadline → aggregate. A step of the run, not a workflow of its own.
 * Whoever dies in it, activities find again what was accepted: an update is a blob before it counts.
 */
import { CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import type {
  AggregateResult,
  TrainClientInput,
  TrainClientResult,
  WorkerSpec,
} from '../../../activities/contracts.ts';
import { edge, resident } from '../activities.ts';
import { entityId, serviceWorkerName, type Owner } from '../ids.ts';
import { problemOf } from '../problems.ts';
import { verdictOn } from './quorum.ts';
import { seedOf, settingsOf, weightedMetrics } from './settings.ts';
import type { ClientPlace, OpenRound, RoundRecord, RunPlan } from './state.ts';

/** What a round starts from. */
export interface RoundStart {
  owner: Owner;
  runId: string;
  plan: RunPlan;
  model: Pick<RoundRecord, 'weights' | 'file' | 'state'>;
}

export function trainerName(owner: Owner, client: string): string {
  return serviceWorkerName(owner, `train-${client}`);
}

/** Workers of the two ends of Sedna's contract are told of each other by the same variables (control-plane reference 3.4). */
export function trainerOf({ owner, plan }: Pick<RoundStart, 'owner' | 'plan'>, place: ClientPlace): WorkerSpec {
  const { fields, manifest, clients, model } = plan;
  const index = Number(place.client);
  return {
    name: trainerName(owner, place.client),
    owner,
    stage: 'Train',
    manifest,
    template: `spec.trainingWorkers[${index}].template`,
    env: {
      NAMESPACE: owner.namespace,
      JOB_NAME: owner.name,
      PARTICIPANTS_COUNT: String(clients.length),
      MODEL_NAME: fields.model,
      DATASET_NAME: place.dataset,
      TRAIN_DATASET_URL: place.place?.source.url ?? '',
      TRANSMITTER: fields.transmitter,
    },
    models: {
      MODEL_URL: [{ url: model.url, format: model.format }],
      ...(plan.pretrained === undefined ? {} : { PRETRAINED_MODEL_URL: [plan.pretrained] }),
    },
    revision: JSON.stringify([fields.clients[index]?.templateDigest, place.place]),
  };
}

export interface Collecting {
  /** Called whenever status has something new to say. */
  changed: () => void;
  isStopped: () => boolean;
}

/**
 * Collects until the round may close, or somebody stops the job (false): then the same round is opened again some day, and
 * accepted updates are found again where they were made. A refused client whose refusal was taken back (`retry`) is asked again.
 */
export async function collect(
  start: RoundStart,
  round: OpenRound,
  { changed, isStopped }: Collecting,
): Promise<boolean> {
  const { rounds } = start.plan.fields;
  const asked = new Map<string, CancellationScope>();
  let broken: Error | undefined;
  const unasked = (): string[] => {
    const answered = [...round.accepted, ...round.refused].map(({ client }) => client);
    return round.selected.filter((client) => !asked.has(client) && !answered.includes(client));
  };
  const ask = (client: string): void => {
    const scope = new CancellationScope();
    asked.set(client, scope);
    void scope
      .run(() => invite(start, round, client, changed))
      .catch((error: unknown) => {
        if (!isCancellation(error)) broken = error as Error;
      })
      .then(() => asked.delete(client));
  };
  const closes = (): boolean => verdictOn(round, rounds, Date.now()) === 'close';
  const wake = (): boolean => broken !== undefined || isStopped() || closes() || unasked().length > 0;
  try {
    for (;;) {
      if (broken !== undefined) throw broken;
      if (closes()) return true;
      if (isStopped()) return false;
      unasked().forEach(ask);
      const rest = (round.deadlineAt ?? 0) - Date.now();
      // After the deadline, or without one, there is no bound: the quorum is met some day, or a person stops the job.
      if (rest <= 0) await condition(wake);
      else if (!(await condition(wake, rest))) changed();
    }
  } finally {
    for (const scope of asked.values()) scope.cancel();
  }
}

/** Asks one client until it has answered. Its worker dying is retried by Temporal; a refusal is an answer. */
async function invite(start: RoundStart, round: OpenRound, client: string, changed: () => void): Promise<void> {
  const place = start.plan.clients.find((known) => known.client === client);
  if (place?.place === undefined) return;
  const { node } = place.place;
  let result: TrainClientResult;
  try {
    result = await resident(node, `round ${round.round} · client ${client} on ${node}`).trainClient(
      taskOf(start, round, { ...place, place: place.place }),
    );
  } catch (error) {
    if (isCancellation(error)) throw error;
    result = { refused: problemOf(error), client, node };
  }
  if ('accepted' in result) round.accepted = [...round.accepted, result.accepted];
  else round.refused = [...round.refused, { client, problem: result.refused }];
  changed();
}

function taskOf(
  start: RoundStart,
  { round }: OpenRound,
  place: ClientPlace & { place: NonNullable<ClientPlace['place']> },
): TrainClientInput {
  const { owner, runId, plan, model } = start;
  const { fields } = plan;
  const { client } = place;
  return {
    identity: { run: runId, round, client },
    task: 'Train',
    worker: trainerOf(start, place),
    dataset: place.place.source,
    weights: model.weights,
    settings: settingsOf(fields, round),
    seed: seedOf(fields.selection.seed, client, round),
    evaluate: fields.evaluation.where === 'Clients' && (round - 1) % fields.evaluation.every === 0,
    policy: fields.updates,
    listener: { workflowId: entityId(owner), uid: owner.uid, slot: 'client' },
  };
}

/** The closed round as it is kept. Sums in client order, whatever the order of arrival, so that a round repeated is the same. */
export async function aggregate(start: RoundStart, round: OpenRound): Promise<RoundRecord> {
  const { owner, plan, model } = start;
  const { aggregation, evaluation } = plan.fields;
  const updates = [...round.accepted].sort((a, b) => (a.client < b.client ? -1 : 1));
  const { strategy, parameters } = aggregation;
  const summary = `round ${round.round} · ${strategy} of ${updates.length} updates on ${plan.aggregator}`;
  const result: AggregateResult = await edge(plan.aggregator, summary).aggregate({
    owner,
    round: round.round,
    strategy: { name: strategy, parameters },
    weights: model.weights,
    updates,
    ...(model.state === undefined ? {} : { state: model.state }),
    ...(model.file === undefined ? {} : { file: model.file }),
  });
  const judged = updates.flatMap(({ samples, evaluation: metrics }) => (metrics ? [{ samples, metrics }] : []));
  return {
    round: round.round,
    generation: round.generation,
    clients: updates.map(({ client }) => client),
    samples: updates.reduce((sum, { samples }) => sum + samples, 0),
    weights: result.weights,
    ...(result.state === undefined ? {} : { state: result.state }),
    ...(result.file === undefined ? {} : { file: result.file }),
    metrics: { ...weightedMetrics(judged, evaluation.metrics), ...result.metrics },
    seconds: (Date.now() - round.startedAt) / 1000,
    time: new Date().toISOString(),
  };
}
