/** What a federated run remembers, is given and gives back. Types only. */
import type { AcceptedUpdate, BlobRef, ModelSource, TrainingSettings } from '../../../activities/contracts.ts';
import type { FederatedLearningJobFields } from '../../../crds/fields.ts';
import type { Problem } from '../failures.ts';
import type { Owner } from '../ids.ts';
import type { Mode } from '../messages.ts';
import type { Wait } from '../status.ts';
import type { CohortLimits } from './cohorts.ts';

/** One entry of `spec.trainingWorkers`, as far as it can take part now. */
export interface ClientPlace {
  /** Zero-padded index in `spec.trainingWorkers`. */
  client: string;
  dataset: string;
  /** Absent while it cannot take part; `problem` says why. */
  place?: { node: string; source: { url: string; format: string }; labels?: Record<string, string> };
  problem?: Problem;
}

/** The job as it is wanted now. A round pins it when it begins; a newer one takes effect at the next round. */
export interface RunPlan {
  generation: number;
  fields: FederatedLearningJobFields;
  manifest: BlobRef;
  clients: ClientPlace[];
  /** Node that aggregates. */
  aggregator: string;
  model: ModelSource;
  pretrained?: ModelSource;
  /** What round 1 starts from, where that is a round of another job. */
  start?: RunState['initial'];
  /** Test data, where global models are judged on such. */
  test?: { dataset: string; node: string; source: { url: string; format: string } };
}

export interface Refusal {
  client: string;
  problem: Problem;
}

/** Of an update that came after its round. */
export type LateRefusal = Refusal & { round: number };

/** A client at work beyond the end of its round, or what it then handed over: for the next round, should it send nothing there. */
export interface LateUpdate {
  client: string;
  dataset: string;
  /** That it was asked in. */
  round: number;
  /** Of several tasks that started from the same weights (FedBuff), which one it is; absent for the first. */
  turn?: number;
  /** Global weights that it started from. */
  base: BlobRef;
  settings: TrainingSettings;
  /** Absent while the client is at it. */
  update?: AcceptedUpdate;
}

/** A round that is so many updates, whoever sends them. */
export interface BufferRules {
  size: number;
  /** Rounds that may have been published since a client was asked. */
  maxStaleness?: number;
}

/** A round under way. */
export interface OpenRound {
  round: number;
  generation: number;
  selected: string[];
  /** Of the strategy, where one update is not enough for it. */
  minUpdates?: number;
  /** In the order in which they came; aggregated in client order. */
  accepted: AcceptedUpdate[];
  refused: Refusal[];
  /** Of the round before. */
  late?: LateUpdate[];
  /** Present where the strategy has a buffer. */
  buffer?: BufferRules;
  /** What the buffer held when the round closed. */
  buffered?: LateUpdate[] | undefined;
  /** Tasks that were given up when it began: too many rounds old. */
  discarded?: { client: string; round: number }[];
  /** Milliseconds since the epoch. */
  startedAt: number;
  deadlineAt?: number;
}

/** A choice of clients that no round can be made of. */
export interface PoorChoice {
  selected: string[];
  need: number;
}

/** A finished round: what later ones, `reset` and `fork` start from. */
export interface RoundRecord {
  round: number;
  generation: number;
  /** Whose updates it was made of. */
  clients: string[];
  /** Those of them that sent nothing in this round, and the round that their update is of. */
  credited?: { client: string; round: number }[];
  /** Of a buffer: of each update, in client order, how many rounds it was behind. */
  staleness?: number[];
  /** Tasks that were given up when this round began, and the round that they were of. */
  discarded?: { client: string; round: number }[];
  /** Updates of earlier rounds that have come since the round before, and must not count. */
  refusedLate?: { client: string; round: number; reason: string }[];
  /** Node on which a program of the user's own has made it. */
  aggregator?: string;
  /** That program says that it was the last one. */
  finished?: boolean;
  /** MistNet: what clients have handed over, ε being that of each value. */
  encoded?: { layer: string; bits: number; epsilon: number };
  samples: number;
  weights: BlobRef;
  /** Kept by the strategy `stateOf` for the next round; another one has no use for it. */
  state?: BlobRef;
  stateOf?: string;
  file?: BlobRef;
  metrics: Record<string, number>;
  /** Of `metrics`: those that clients have taken of the weights that the round started from, which the round before has made. */
  ofBefore?: string[];
  /** What clients of the next round have said of the model that this one has made; in `best` only. */
  judged?: Record<string, number>;
  /** Why this model could not be judged on the test data. */
  unjudged?: Problem;
  seconds: number;
  time: string;
}

/** Rounds that status and `reset` know. */
export const keptRounds = 50;

export interface RunState {
  /** Finished rounds, newest last, at most `keptRounds`. */
  records: RoundRecord[];
  /** Model of round 0. */
  initial?: { weights: BlobRef; file?: BlobRef };
  best?: { record: RoundRecord; value: number };
  /** Rounds in a row that met `stopWhen`. */
  met: number;
  /** Rounds that each client failed in. */
  failures: Record<string, number>;
  /** Updates that must not count, by reason. */
  refusals?: Record<string, number>;
  /** That each client trained on when it last took part. */
  samples: Record<string, number>;
  /** At most one per client, of the round that has closed last. */
  late?: LateUpdate[];
  /** Of a strategy with a buffer: what is in it, and what clients are at. */
  buffer?: LateUpdate[];
  /** Node whose aggregator of the user's own was asked and has not been dismissed since: it may be running, whether or not it ever answered. */
  aggregator?: string;
}

export interface RunInput {
  owner: Owner;
  epoch: number;
  /** Which take-up of the epoch this is. */
  attempt: number;
  plan: RunPlan;
  mode: Mode;
  state: RunState;
  /** Absent: those of this release. */
  cohorts?: CohortLimits;
}

export type RunOutcome =
  | { kind: 'completed'; state: RunState; reason: string; message: string }
  | { kind: 'stopped'; state: RunState }
  | { kind: 'failed'; state: RunState; problem: Problem };

/** Signalled to the job when a run ends. */
export interface RunEnd {
  epoch: number;
  attempt: number;
  outcome: RunOutcome;
}

export type RunStage = 'Starting' | 'Collecting' | 'Aggregating' | 'Evaluating' | 'Waiting';

export type WaitingRun = Required<Wait>;

/** News from the run to its job, complete but for records of rounds that it has heard of; `sequence` makes a late one harmless. */
export interface RunNews {
  epoch: number;
  /** Of Temporal: each run counts its news from 1. */
  run: string;
  sequence: number;
  stage: RunStage;
  /** The round under way, else the last one. */
  round: number;
  selected: string[];
  accepted: string[];
  refused: Refusal[];
  /** Of the strategy, where the open round has one. */
  minUpdates?: number;
  /** Since the last round: updates that came after theirs. */
  refusedLate?: LateRefusal[];
  /** So far, by reason. */
  refusals?: Record<string, number>;
  /** Late updates that would count if the round closed now. */
  credited?: string[];
  /** Who is still at the task of a round that has closed. */
  late?: { client: string; round: number }[];
  /** Where the strategy has a buffer: its size, and who is at which task. `accepted` is what is in it. */
  buffer?: { size: number; atWork: { client: string; round: number }[] };
  deadline?: string;
  /** That it waits for, while it aggregates or judges: an edit may have named another one. */
  node?: string;
  waitingFor?: WaitingRun;
  /** Of the last round that has finished, and of those before it since the job last heard; oldest first. */
  records?: RoundRecord[];
  initial?: RunState['initial'];
  aggregator?: RunState['aggregator'];
}
