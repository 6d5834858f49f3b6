/**
 * What workflows ask of the world. Types only: the workflow bundle and both Temporal workers share this file and nothing else.
 * Argument and result shapes are wire contracts: add fields, never repurpose them.
 */
import type {
  FederatedEdgeActivities,
  FederatedResidentActivities,
  SelectClientsInput,
} from './contracts/federated.ts';
import type { Serving, WorkerSetResidents } from './contracts/worker-set.ts';
import type { BlobRef } from '../sdk/storage/blob-store.ts';
import type { EntityRef, Owner } from '../workflows/lib/ids.ts';
import type { Problem } from '../workflows/lib/failures.ts';
import type { Cursor, Take } from '../workflows/lib/samples.ts';
import type { MetricValues, Trigger, TriggerVerdict } from '../workflows/lib/trigger.ts';

export type { BlobRef };
export type * from './contracts/federated.ts';
export type * from './contracts/worker-set.ts';

export interface ObjectInput {
  ref: EntityRef;
  uid: string;
}

export interface KubeEvent {
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
}

export interface WriteStatusInput extends ObjectInput {
  /** The complete status; `status.sequence` orders writers, a late one never overwrites a newer one. */
  status: Record<string, unknown>;
  /** Set on the object when they differ. */
  annotations?: Record<string, string>;
  events?: KubeEvent[];
}

export interface Adopted {
  /** False: the object is gone, going, or has another uid. */
  exists: boolean;
  /** Of the status it has. */
  sequence?: number;
  /** Those fields of that status that were asked for. */
  recalled?: Record<string, unknown>;
}

/** Activities of GM, on `sedna-control`. */
export interface ControlActivities {
  /** Adds the finalizer. */
  adopt(input: ObjectInput & { recall?: readonly string[] }): Promise<Adopted>;
  writeStatus(input: WriteStatusInput): Promise<void>;
  /** Drops the finalizer; an object that is gone already is fine. */
  release(input: ObjectInput): Promise<void>;
  /** signalWithStart of each target, so that order never matters. */
  subscribe(input: { targets: EntityRef[]; subscriber: EntityRef }): Promise<void>;
  /** A registered node with all these labels, but none of `exclude`; fails (and is retried) until there is one. */
  place(input: { nodeSelector: Record<string, string>; exclude?: string[] }): Promise<{ node: string }>;
  /** Clients of a round, by the registered strategy. In an activity because strategies may be anybody's code. */
  selectClients(input: SelectClientsInput): Promise<{ selected: string[] }>;
  /** In an activity because windows need the clock and time-zone data of the outside world. */
  judgeTrigger(input: { trigger: Trigger; metrics: MetricValues }): Promise<TriggerVerdict>;
}

export interface DatasetSource {
  url: string;
  /** txt, csv or json. */
  format: string;
}

/** Where resident activities and workers send their news: signal `observed` of this workflow. */
export interface Listener {
  workflowId: string;
  uid: string;
  slot: string;
}

export interface DatasetObservation {
  samples?: number;
  problem?: Problem;
}

/** Why the job waits: current value against threshold, or what is wrong with the dataset. */
export interface TriggerObservation {
  /** New samples that would train. */
  value?: number;
  /** All new samples. */
  fresh?: number;
  /** Of the trigger's timer, by the clock of the node. */
  windowOpen?: boolean;
  problem?: Problem;
}

export interface AwaitTriggerInput {
  listener: Listener;
  dataset: DatasetSource;
  cursor: Cursor;
  trainProb: number;
  trigger: Trigger;
  /** After a failed round: only more samples than this make it fire again. */
  beyond?: number;
  /** Somebody said `trigger`: take whatever is new, at once. */
  manual?: boolean;
}

/** `take` is absent when a manual trigger found nothing new. `restarted`: the file was replaced and counting began anew. */
export interface AwaitTriggerResult {
  take?: Take;
  /** Nothing was taken although it was asked for: of so many new samples none would train. */
  evaluateOnly?: number;
  restarted: boolean;
}

export interface WorkerObservation {
  state: 'starting' | 'running' | 'ready' | 'failing';
  node: string;
  worker: string;
  pid?: number;
  restarts: number;
  endpoints: { name: string; url: string }[];
  problem?: Problem;
}

/** A worker as the manifest describes it: the template stays in the blob, the runtime reads it there. */
export interface WorkerSpec {
  name: string;
  owner: Owner;
  /** Train, Eval, Inference. */
  stage: string;
  manifest: BlobRef;
  /** Path of the PodTemplateSpec in the manifest, for example `spec.trainSpec.template`. */
  template: string;
  /** Contract variables (section 3.4 of the control-plane reference) whose values are known. */
  env: Record<string, string>;
  /** Models to have as files on the node before the start: variable → files, joined by `;`. */
  models?: Record<string, ModelSource[]>;
  /** Changes of this restart a service worker; of the rest of the specification too. */
  revision?: string;
  /** Set for a replica of a worker set. */
  serving?: Serving;
}

/** A blob is preferred; a bare url is a file on the node. */
export interface ModelSource {
  url: string;
  format: string;
  blob?: BlobRef;
}

/** Activities of an LC on `edge/<node>/resident`. They run until something happens or they are cancelled. */
export interface ResidentActivities extends FederatedResidentActivities, WorkerSetResidents {
  /** Is the node there? Runs for as long as its local controller does; ends by heartbeat timeout when it is lost. */
  attend(input: { node: string; listener: Listener; attendance: number }): Promise<void>;
  /** Counts the samples of a dataset; signals each change of the count (at most one a second). */
  watchDataset(input: { listener: Listener; dataset: DatasetSource }): Promise<void>;
  /** Returns when the trigger fires; signals each change of what it waits for (at most one a second). */
  awaitTrigger(input: AwaitTriggerInput): Promise<AwaitTriggerResult>;
  /** Keeps a service worker running, restarts it with back-off, signals each change of its state. */
  serveWorker(input: { listener: Listener; worker: WorkerSpec; hotUpdate?: HotUpdateTarget }): Promise<void>;
  prepareSamples(input: PrepareSamplesInput): Promise<PreparedSamples>;
  deployModel(input: DeployModelInput): Promise<DeployResult>;
  /** Stops the workers of an owner and removes what the node keeps for it. */
  removeOwner(input: { owner: Owner }): Promise<void>;
}

export interface SampleSet {
  round: number;
  samples: number;
  blob: BlobRef;
}

export interface PrepareSamplesInput {
  /** The job, to be told what holds the round up. */
  listener?: Listener;
  dataset: DatasetSource;
  take: Take;
  trainProb: number;
  outputDir: string;
  round: number;
  /** Evaluation sets of earlier rounds, oldest first. */
  evalSets: SampleSet[];
}

export interface PreparedSamples {
  trainUrl: string;
  train: SampleSet;
  evalUrl: string;
  /** The set of this round, to be kept for later ones; absent when the split left nothing to evaluate. */
  evaluation?: SampleSet;
  /** Over all sets in `evalUrl`. */
  evalSamples: number;
}

export interface HotUpdateTarget {
  pollPeriodSeconds: number;
}

export interface DeployModelInput {
  owner: Owner;
  round?: number;
  /** The job, to be told what holds the round up. */
  listener?: Listener;
  worker: string;
  model: ModelSource;
  /** Files to replace: the Model's url, and the initial evaluation Model's. */
  urls: string[];
  hotUpdate?: HotUpdateTarget;
}

export interface DeployResult {
  node: string;
  /** Of the hot-update configuration, if any. */
  config?: string;
}

export interface ReportedModel {
  format: string;
  url: string;
  metrics: Record<string, number[]>;
  /** The file as an immutable blob, taken when the report was accepted. */
  blob?: BlobRef;
}

export interface RunWorkerInput {
  round: number;
  listener: Listener;
  worker: WorkerSpec;
  /** Take the reported models as blobs. */
  keepModels: boolean;
}

export interface RunWorkerResult {
  node: string;
  models: ReportedModel[];
}

/** Activities of an LC on `edge/<node>`: what computes. */
export interface EdgeActivities extends FederatedEdgeActivities {
  runWorker(input: RunWorkerInput): Promise<RunWorkerResult>;
}

/** What a node says of itself when its local controller starts. */
export interface NodeFields {
  architecture: string;
  platform: string;
  cpus: number;
  memoryBytes: number;
  diskFreeBytes: number;
  /** Execution providers that really load. */
  executionProviders: string[];
  labels: Record<string, string>;
  images: string[];
  /** Base URL of its HTTP API. */
  address: string;
  /** Host name or address under which other nodes reach the services of this one. */
  advertisedAddress?: string;
  versions: Record<string, string>;
  blobStore: { reachable: boolean; message?: string };
}
