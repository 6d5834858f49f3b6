import { createHash } from 'node:crypto';
import type { DatasetSpec } from './dataset.ts';
import type { IncrementalLearningJobSpec } from './incremental-learning-job.ts';
import { canonicalJson } from './lib/canonical-json.ts';
import type { HardExampleMining } from './lib/key-value.ts';
import type { PodTemplate } from './lib/pod-template.ts';
import type { Trigger } from './lib/trigger.ts';
import type { ModelSpec } from './model.ts';

/** Where a template wants to run, and a digest that changes whenever the template does. */
export interface WorkerFields {
  node?: string;
  nodeSelector?: Record<string, string>;
  /** SHA-256 of the template's canonical JSON, in hex. */
  templateDigest: string;
}

export interface DatasetFields {
  url: string;
  format: 'txt' | 'csv' | 'json';
  nodeName: string;
}

export interface ModelFields {
  url: string;
  format: string;
  devices: string[];
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
    default:
      return {};
  }
}

function datasetFields({ url, format, nodeName }: DatasetSpec): DatasetFields {
  return { url, format: format.toLowerCase() as DatasetFields['format'], nodeName };
}

function modelFields({ url, format, device_soc_versions: devices = [] }: ModelSpec): ModelFields {
  return { url, format, devices };
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

// Templates are not judged at admission, so nothing about their inside may be taken for granted here.
function workerFields(template: PodTemplate): WorkerFields {
  const node: unknown = template.spec?.nodeName;
  const selector = stringMembers(template.spec?.nodeSelector);
  return {
    ...(typeof node === 'string' && node !== '' && { node }),
    ...(selector && { nodeSelector: selector }),
    templateDigest: createHash('sha256').update(canonicalJson(template)).digest('hex'),
  };
}

function stringMembers(value: unknown): Record<string, string> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}
