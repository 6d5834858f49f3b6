import type { FederatedLearningJobSpec } from '../federated-learning-job.ts';
import { durationMs, parameterMap } from './federated.ts';
import type { Parameters, LOSSES } from './federated.ts';
import type { PodTemplate } from './pod-template.ts';
import { workerFields } from './worker-fields.ts';
import type { WorkerFields } from './worker-fields.ts';

type Spec = FederatedLearningJobSpec;
type Rounds = NonNullable<Spec['rounds']>;

export interface FederatedLearningJobFields {
  model: string;
  pretrainedModel?: string;
  startFrom?: { job: string; round: number };
  aggregation: WorkerFields & { strategy: string; parameters: Parameters };
  clients: (WorkerFields & { dataset: string })[];
  rounds: Pick<Rounds, 'minClientsToStart' | 'quorum' | 'stopWhen' | 'keepBest'> & {
    total: number;
    deadlineMs?: number;
    late: NonNullable<Rounds['late']>;
  };
  training: NonNullable<Spec['trainingConfig']>;
  selection: { strategy: string; perRound?: number; parameters: Parameters; seed: number };
  evaluation: {
    every: number;
    where: 'Clients' | 'Central';
    metrics?: string[];
    /** Of `Central`. */
    dataset?: string;
    label: string;
    loss: (typeof LOSSES)[number];
  };
  updates: NonNullable<Spec['updatePolicy']>;
  keepWarm: boolean;
  transmitter: 'ws' | 's3';
}

/** Sedna's manifests say nothing of rounds but in the aggregator's environment; see {@link exitRound}. */
export function federatedLearningJobFields(spec: Spec): FederatedLearningJobFields {
  const { aggregationWorker, trainingWorkers, pretrainedModel, aggregation, startFrom } = spec;
  return {
    model: aggregationWorker.model.name,
    ...(pretrainedModel && { pretrainedModel: pretrainedModel.name }),
    ...(startFrom && { startFrom }),
    aggregation: {
      ...workerFields(aggregationWorker.template),
      strategy: aggregation?.strategy ?? 'FedAvg',
      parameters: parameterMap(aggregation?.parameters),
    },
    clients: trainingWorkers.map(({ dataset, template }) => ({ ...workerFields(template), dataset: dataset.name })),
    rounds: roundFields(spec),
    training: spec.trainingConfig ?? {},
    selection: selectionFields(spec.clientSelection),
    evaluation: evaluationFields(spec.evaluation),
    updates: spec.updatePolicy ?? {},
    keepWarm: spec.keepWarm ?? true,
    transmitter: spec.transmitter?.s3 === undefined ? 'ws' : 's3',
  };
}

function roundFields(spec: Spec): FederatedLearningJobFields['rounds'] {
  const { rounds = {}, aggregationWorker, aggregation } = spec;
  const { total, deadline, late = 'Discard', ...rules } = rounds;
  // Of MistNet there is one round, whatever the aggregator's image would have done.
  const byDefault = aggregation?.strategy === 'MistNet' ? 1 : exitRound(aggregationWorker.template);
  return {
    ...rules,
    total: total ?? byDefault,
    late,
    ...(deadline !== undefined && { deadlineMs: durationMs(deadline) }),
  };
}

function selectionFields(selection: Spec['clientSelection'] = {}): FederatedLearningJobFields['selection'] {
  const { strategy = 'All', perRound, parameters, seed = 0 } = selection;
  return { strategy, ...(perRound !== undefined && { perRound }), parameters: parameterMap(parameters), seed };
}

function evaluationFields({ dataset, ...given }: Spec['evaluation'] = {}): FederatedLearningJobFields['evaluation'] {
  return {
    every: 1,
    where: 'Clients',
    label: 'label',
    loss: 'softmaxCrossEntropy',
    ...given,
    ...(dataset === undefined ? {} : { dataset: dataset.name }),
  };
}

/** Literal value of `exit_round` in the aggregator's environment, else 1: what the original's aggregator would do. */
function exitRound(template: PodTemplate): number {
  const containers = listOf(template.spec?.['containers']);
  const variables = containers.flatMap(({ env }) => listOf(env));
  const value = variables.find(({ name }) => String(name).toLowerCase() === 'exit_round')?.['value'];
  const rounds = Number(value);
  return Number.isSafeInteger(rounds) && rounds >= 1 ? rounds : 1;
}

// Templates are not judged at admission, so nothing about their inside may be taken for granted here.
function listOf(value: unknown): Record<string, unknown>[] {
  if (!Array.isArray(value)) return [];
  return value.filter((entry): entry is Record<string, unknown> => typeof entry === 'object' && entry !== null);
}
