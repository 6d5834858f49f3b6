/** What a federated run asks of nodes. Types only; wire contracts: add fields, never repurpose them. */
import type { UnaryCode } from '../../sdk/algorithms/encoding/unary-encoding.ts';
import type { CutShape } from '../../sdk/features/federated/mist-net/encoded-set.ts';
import type { SelectionRequest } from '../../sdk/algorithms/client-selection/selector.ts';
import type { BlobRef } from '../../sdk/storage/blob-store.ts';
import type { Owner } from '../../workflows/lib/ids.ts';
import type { Problem } from '../../workflows/lib/failures.ts';
import type { DatasetSource, Listener, ModelSource, WorkerSpec } from '../contracts.ts';

/** Hyper-parameters of one task; what is absent stays as the worker's own code says. */
export interface TrainingSettings {
  epochs?: number;
  batchSize?: number;
  learningRate?: number;
  /** Weight of the proximal term μ/2 · |w − w_global|² (FedProx). */
  mu?: number;
}

export interface UpdatePolicy {
  /** Largest Euclidean norm of an update minus the global weights. */
  clipNorm?: number;
  /** A client may claim so many times the samples that its dataset holds (counted by the local controller). */
  maxSamplesFactor?: number;
  compression?: 'none' | 'f16' | 'int8';
  /** Globs of tensors that stay with the client. */
  excludeLayers?: string[];
}

/** Of whom and of when an update is. The same identity is never asked twice for an accepted update. */
export interface UpdateIdentity {
  /** Workflow id of the run: it holds the uid of the job and the reset epoch. */
  run: string;
  round: number;
  /** Zero-padded index in `spec.trainingWorkers`. */
  client: string;
  /** Of several tasks of the same round (FedBuff), which one; absent for the first. */
  turn?: number;
}

export interface TrainClientInput {
  identity: UpdateIdentity;
  /** `Weights`: hand over the weights that the worker begins with, untrained. `Encode`: encoded features of its data (MistNet). */
  task: 'Train' | 'Weights' | 'Encode';
  /** Resident between rounds: the same name in every round of a run. */
  worker: WorkerSpec;
  /** The client's own data. */
  dataset: DatasetSource;
  /** Global weights (safetensors); absent where the task is `Weights`. */
  weights?: BlobRef;
  settings: TrainingSettings;
  /** Of `Encode`. */
  encoding?: Encoding;
  /** Of shuffling and dropout: hash(spec seed, client, round). */
  seed: number;
  /** Also judge the weights as they came, on the client's own data. */
  evaluate: boolean;
  policy: UpdatePolicy;
  /** False: the worker ends after its answer, and is started again for the next task. Default: true. */
  keepWarm?: boolean;
  /** Told what goes on: starting, training, why it is tried again. */
  listener: Listener;
  /** One of thousands: only why it is tried again is told, and that this is over. */
  quiet?: boolean;
}

/** What of its samples a client hands over, once: the features at a tensor of the model, as bits. */
export interface Encoding extends UnaryCode {
  layer: string;
  /** What the head of the model takes and gives. */
  cut: CutShape;
}

/** An update that counts: its blob exists, it was checked, and it is named by its digest. */
export interface AcceptedUpdate {
  client: string;
  node: string;
  /** Of `Encode` a file of encoded features. Else canonical safetensors, of the layout of the global weights; compressed if the policy says so, which `aggregate` undoes. */
  blob: BlobRef;
  samples: number;
  /** Of the training, last value of each. */
  metrics: Record<string, number>;
  /** Of the global weights on the client's data, last value of each. */
  evaluation?: Record<string, number>;
}

/** `refused`: the worker answered, and its update must not count. Asking again would give the same. */
export type TrainClientResult = { accepted: AcceptedUpdate } | { refused: Problem; client: string; node: string };

/** Signalled while a client works. */
export interface ClientNews {
  client: string;
  round: number;
  state: 'Starting' | 'Training' | 'Retrying';
  node: string;
  step?: number;
  total?: number;
  problem?: Problem;
}

export interface SelectClientsInput {
  strategy: string;
  request: SelectionRequest;
}

export interface ImportModelInput {
  model: ModelSource;
  /** Who is told why it is tried again. */
  listener?: AggregatorListener;
}

/** `weights`: canonical safetensors of what trains. `file`: the model as it is, into which later weights are put. */
export interface ImportedModel {
  weights: BlobRef;
  /** Absent: the model is weights alone. */
  file?: BlobRef;
}

/** `base` and `staleness`: of a late one, the weights that it started from, and how many rounds older they are than `weights`. */
export type CountedUpdate = AcceptedUpdate & { base?: BlobRef; staleness?: number };

export interface CheckStrategyInput {
  name: string;
  parameters: Record<string, number | string | boolean>;
  /** Of the strategy Worker: the aggregator of the user's own. */
  worker?: WorkerSpec;
}

export interface StrategyNeeds {
  /** Updates below which it does not aggregate a round; absent: one is enough. */
  minUpdates?: number;
}

/** Of the strategy Worker: the aggregator of the user's own, to which the updates of a round are sent as its clients would. */
export interface AggregatorSpec {
  worker: WorkerSpec;
  /** Workflow id of the run: an aggregator that served another one is not asked. */
  run: string;
}

/** Whoever aggregates tells it by which generation of the job. */
export interface AggregatorListener extends Listener {
  generation?: number;
}

/** Signalled when an aggregation has failed and is tried again; of round 0: the import of the first global model. */
export interface AggregatorNews {
  round: number;
  node: string;
  /** That was worked by: news that come after an edit may be of before it. Absent in those of an earlier release. */
  generation?: number;
  problem?: Problem;
}

export interface AggregateInput {
  owner: Owner;
  round: number;
  strategy: CheckStrategyInput;
  /** Global weights that the clients started from. */
  weights: BlobRef;
  /** In client order. */
  updates: CountedUpdate[];
  /** What the strategy keeps between rounds (momenta), from the round before. */
  state?: BlobRef;
  /** The model file into which the new weights are put, if there is one. */
  file?: BlobRef;
  /** Of the strategy Worker. */
  aggregator?: AggregatorSpec;
  /** Told why it is tried again. Absent: nobody is. */
  listener?: AggregatorListener;
}

export interface AggregateResult {
  weights: BlobRef;
  state?: BlobRef;
  /** The model file with the new weights. */
  file?: BlobRef;
  /** Clients that the strategy left out, and why (Krum and its kin). */
  left: { client: string; reason: string }[];
  metrics: Record<string, number>;
  /** The aggregator says that this was the last round. */
  finished?: boolean;
}

export interface InspectCutInput {
  /** The model file. */
  file: BlobRef;
  /** Of MistNet. */
  parameters: CheckStrategyInput['parameters'];
  loss: EvaluateModelInput['loss'];
}

export interface TrainHeadInput extends InspectCutInput {
  owner: Owner;
  round: number;
  /** In client order; their blobs hold encoded features. */
  updates: AcceptedUpdate[];
  settings: TrainingSettings;
  seed: number;
  /** Told why it is tried again. Absent: nobody is. */
  listener?: AggregatorListener;
}

/** `weights`, `file`: of the whole model. `metrics`: of the training, last value of each. */
export type TrainHeadResult = Required<Pick<AggregateResult, 'weights' | 'file' | 'metrics'>>;

/** Of an ONNX file; test data is read whole, in the memory of a child process. */
export interface EvaluateModelInput {
  model: BlobRef;
  dataset: DatasetSource;
  /** Column or member that holds the label; txt has it as the second word. */
  label: string;
  loss: 'softmaxCrossEntropy' | 'bceWithLogits' | 'mse';
}

export interface EvaluateModelResult {
  samples: number;
  /** Finite ones only. */
  metrics: Record<string, number>;
}

/** Activities of an LC on `edge/<node>/resident`. */
export interface FederatedResidentActivities {
  /** One task of one client. Idempotent by `identity`: an answer that was taken once is found again, whoever died meanwhile. */
  trainClient(input: TrainClientInput): Promise<TrainClientResult>;
  /**
   * Tells resident trainers of a run that there is no more, and waits for their end (bounded), then removes them. `weights`: the
   * final global ones, which each saves as its node's own model (`MODEL_URL`); without them nothing is saved. `trainers`: those that are
   * to be started for that, because they have ended after their last task. `aggregator`: one that knows no tasks; it is stopped, and where it
   * has said itself that the rounds are over it has the time to end before that.
   */
  dismissClients(input: {
    run: string;
    workers: string[];
    weights?: BlobRef;
    trainers?: WorkerSpec[];
    aggregator?: { worker: string; finished: boolean };
  }): Promise<void>;
}

/** Activities of an LC on `edge/<node>`: what computes. */
export interface FederatedEdgeActivities {
  /** `undefined`: the model is neither an ONNX file with trainable weights nor safetensors, or is not there. */
  importModel(input: ImportModelInput): Promise<ImportedModel | undefined>;
  /** Fails with `InvalidSpec` where the node has no such strategy or it refuses its parameters; `ImageNotAllowed`, `InvalidTemplate` for its worker. */
  checkStrategy(input: CheckStrategyInput): Promise<StrategyNeeds | undefined>;
  /** With an `aggregator`: `AggregatorFailed` and `AggregateInvalid` are retried, from the same blobs, by an aggregator that is started anew. */
  aggregate(input: AggregateInput): Promise<AggregateResult>;
  /** Fails with `InvalidSpec` where the model cannot be cut as the parameters say, or what is behind the cut cannot be trained. */
  inspectCut(input: InspectCutInput): Promise<Encoding>;
  /** Trains what is behind the cut on the features that clients have handed over. Equal inputs give equal blobs. */
  trainHead(input: TrainHeadInput): Promise<TrainHeadResult>;
  /** Non-retryable `DatasetUnreadable` or `WorkerFailed`: the test data or the model is not what it must be. */
  evaluateModel(input: EvaluateModelInput): Promise<EvaluateModelResult>;
}
