import type { DatasetSpec } from './dataset.ts';
import type { FederatedLearningJobSpec } from './federated-learning-job.ts';
import type { IncrementalLearningJobSpec } from './incremental-learning-job.ts';
import type { JointInferenceServiceSpec } from './joint-inference-service.ts';
import { federatedLearningJobFields } from './lib/federated-fields.ts';
import type { FederatedLearningJobFields } from './lib/federated-fields.ts';
import { jointInferenceServiceFields } from './lib/joint-inference-fields.ts';
import type {
  AskingSetFields,
  JointInferenceServiceFields,
  TierFields,
  WorkerSetFields,
} from './lib/joint-inference-fields.ts';
import type { HardExampleMining } from './lib/key-value.ts';
import type { Trigger } from './lib/trigger.ts';
import { workerFields } from './lib/worker-fields.ts';
import type { WorkerFields } from './lib/worker-fields.ts';
import type { ModelSignature } from './lib/signature.ts';
import type { ModelSpec } from './model.ts';

export type {
  AskingSetFields,
  FederatedLearningJobFields,
  JointInferenceServiceFields,
  TierFields,
  WorkerFields,
  WorkerSetFields,
};

export interface DatasetFields {
  url: string;
  format: 'txt' | 'csv' | 'json';
  nodeName: string;
}

export interface ModelFields {
  url: string;
  format: string;
  devices: string[];
  /** What comes before and after the model, for whoever serves it. */
  signature?: ModelSignature;
}

export interface IncrementalLearningJobFields {
  dataset: string;
  trainProb: number;
  initialModel: string;
  evalModel?: string;
  deployModel: string;
  hotUpdate: boolean;
  pollPeriodSeconds: number;
  outputDir: string;
  train: WorkerFields & { trigger: Trigger };
  eval: WorkerFields;
  deploy: WorkerFields & { trigger: Trigger; hardExampleMining: HardExampleMining };
}

/** What a workflow plans with, by kind. The rest of the manifest stays in its blob, out of workflow histories. */
export interface FieldsByKind {
  Dataset: DatasetFields;
  Model: ModelFields;
  IncrementalLearningJob: IncrementalLearningJobFields;
  FederatedLearningJob: FederatedLearningJobFields;
  JointInferenceService: JointInferenceServiceFields;
}

export type PlanFields = FieldsByKind[keyof FieldsByKind] | Record<string, never>;

/** Extracts the plan fields of a validated spec (see `validateManifest`). Kinds that plan with none give `{}`. */
export function planFields<K extends keyof FieldsByKind>(kind: K, spec: unknown): FieldsByKind[K];
export function planFields(kind: string, spec: unknown): PlanFields;
export function planFields(kind: string, spec: unknown): PlanFields {
  switch (kind) {
    case 'Dataset':
      return datasetFields(spec as DatasetSpec);
    case 'Model':
      return modelFields(spec as ModelSpec);
    case 'IncrementalLearningJob':
      return incrementalLearningJobFields(spec as IncrementalLearningJobSpec);
    case 'FederatedLearningJob':
      return federatedLearningJobFields(spec as FederatedLearningJobSpec);
    case 'JointInferenceService':
      return jointInferenceServiceFields(spec as JointInferenceServiceSpec);
    default:
      return {};
  }
}

function datasetFields({ url, format, nodeName }: DatasetSpec): DatasetFields {
  return { url, format: format.toLowerCase() as DatasetFields['format'], nodeName };
}

function modelFields({ url, format, device_soc_versions: devices = [], signature }: ModelSpec): ModelFields {
  return { url, format, devices, ...(signature && { signature }) };
}

function incrementalLearningJobFields(spec: IncrementalLearningJobSpec): IncrementalLearningJobFields {
  const { dataset, initialModel, trainSpec, evalSpec, deploySpec, outputDir } = spec;
  return {
    dataset: dataset.name,
    trainProb: dataset.trainProb,
    initialModel: initialModel.name,
    ...(evalSpec.initialEvalModel && { evalModel: evalSpec.initialEvalModel.name }),
    deployModel: deploySpec.model.name,
    hotUpdate: deploySpec.model.hotUpdateEnabled ?? false,
    pollPeriodSeconds: deploySpec.model.pollPeriodSeconds,
    outputDir,
    train: { ...workerFields(trainSpec.template), trigger: trainSpec.trigger },
    eval: workerFields(evalSpec.template),
    deploy: {
      ...workerFields(deploySpec.template),
      trigger: deploySpec.trigger,
      hardExampleMining: deploySpec.hardExampleMining,
    },
  };
}
