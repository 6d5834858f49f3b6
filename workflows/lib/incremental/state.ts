/** What an incremental job remembers, and what a round is given and gives back. Types only. */
import type {
  BlobRef,
  ModelSource,
  PreparedSamples,
  ReportedModel,
  SampleSet,
  TriggerObservation,
  WorkerObservation,
} from '../../../activities/contracts.ts';
import type { IncrementalLearningJobFields } from '../../../crds/fields.ts';
import type { Problem } from '../failures.ts';
import type { Owner } from '../ids.ts';
import type { Mode } from '../messages.ts';
import type { Cursor, Take } from '../samples.ts';
import type { Condition } from '../status.ts';

export type Stage = 'Train' | 'Eval' | 'Deploy';
/** Sedna's condition types of a stage. */
export type StageState = 'Waiting' | 'Ready' | 'Starting' | 'Running' | 'Completed' | 'Failed';

export const maxAttempts = 3;

/** What a round starts with, pinned: edits that arrive meanwhile take effect at the next one. */
export interface RoundPlan {
  owner: Owner;
  round: number;
  fields: IncrementalLearningJobFields;
  manifest: BlobRef;
  dataset: { url: string; format: string };
  nodes: { data: string; train: string; eval: string; deploy: string };
  take: Take;
  base: ModelSource;
  baseline: ModelSource;
  deployUrl: string;
  evalUrl?: string;
  /** Format and devices that a trained model must match: of the initial Model, and of the deployed one. */
  formats: { initial: string; deploy: string };
  evalSets: SampleSet[];
  inferenceWorker: string;
}

/** Results of the stages so far: where a stopped or failed round goes on. */
export interface RoundProgress {
  prepared?: PreparedSamples;
  trained?: ReportedModel[];
  evaluated?: ReportedModel[];
}

export interface RoundInput {
  plan: RoundPlan;
  progress: RoundProgress;
  /** How many take-ups the job has made: a worker of an earlier one ended for good, its name is not used again. Default 0. */
  resumed?: number;
}

export type RoundOutcome =
  | {
      kind: 'completed';
      deployed: boolean;
      reason: string;
      message: string;
      /** What was deployed, where any node can have it. */
      blob?: BlobRef;
    }
  | { kind: 'stopped'; progress: RoundProgress }
  | { kind: 'failed'; stage: Stage; problem: Problem; progress: RoundProgress };

/** Its end, and what the job has not been told before. */
export type RoundResult = RoundOutcome & { last: RoundEvent[] };

/** News from a round to its job, in order; `sequence` makes a repeated one harmless. */
export interface RoundEvent {
  round: number;
  sequence: number;
  condition: { stage: Stage; type: StageState; data?: string; message?: string };
  /** Where the stage runs. */
  node?: string;
  /** Set when training has completed: the samples are used now. */
  trained?: { model: ReportedModel; evaluation?: SampleSet };
  /** All results so far, when there is a new one: the job goes on with them should the round be ended from outside. */
  progress?: RoundProgress;
  /** Path of the hot-update configuration on the inference node. */
  hotUpdateConfig?: string;
  /** An attempt failed and the next one comes by itself. */
  retrying?: Problem;
  /** Of the new model against the deployed one, once evaluated. */
  metrics?: { fresh: Record<string, number[]>; deployed: Record<string, number[]> };
}

/** News from a local controller while a stage's worker runs. */
export interface StageRunning {
  running: true;
  round: number;
  stage: Stage;
  node: string;
  worker: string;
}

/** News from a local controller that a step cannot go on for now; it is tried again by itself. */
export interface StageHeldUp {
  heldUp: Problem;
  round: number;
  stage: Stage;
}

/** What a round did since it last said so, in order. */
export interface RoundEvents {
  round: number;
  events: RoundEvent[];
}

export type RoundNews = RoundEvents | StageRunning | StageHeldUp;

export interface IncrementalState {
  startTime: string;
  cursor: Cursor;
  round: number;
  mode: Mode;
  /** Somebody said `trigger`. */
  manual: boolean;
  /** Placement by selector, by role; see `placements`. */
  placed: Record<string, string>;
  current?: {
    plan: RoundPlan;
    progress: RoundProgress;
    stage: Stage;
    /** Take-ups of this job so far; see `resumes`. */
    resumed: number;
    sequence: number;
    /** The worker of a stage runs; said before the round said that it starts it. */
    early?: StageRunning;
    /** Mode that the run was last told. */
    told: Mode;
    /** The run exists and can be told. */
    started?: boolean;
    retrying?: Problem;
  };
  /** A stopped or failed round that can be taken up again. */
  suspended?: {
    plan: RoundPlan;
    progress: RoundProgress;
    stage: Stage;
    problem?: Problem;
    /** Somebody said `retry`: it begins as soon as its Dataset, Models and nodes are known. */
    again?: boolean;
  };
  /** Rounds taken up again, in all: makes each take-up a new operation. */
  resumes?: number;
  /** What the inference worker was last started as; see `serving`. */
  servedRevision?: string;
  /** After a failed training: fire only when there are more samples than this. */
  beyond?: number;
  base?: ModelSource;
  /** What was last put in the place of the evaluation Model's file; on the node of the deployment only, hence the blob. */
  judgedWith?: { evalUrl: string; blob: BlobRef };
  evalSets: SampleSet[];
  conditions: Condition[];
  waiting: TriggerObservation;
  serving?: WorkerObservation;
  lastRound?: {
    round: number;
    samples: number;
    deployed: boolean;
    reason: string;
    message: string;
    metrics?: RoundEvent['metrics'];
  };
  metrics?: RoundEvent['metrics'];
  annotations: Record<string, string>;
  nodes: string[];
}
