/**
 * The catalogue of failures: type of the ApplicationFailure = reason of the condition it becomes.
 * `docs/errors.md` has one paragraph for each; a test compares the two.
 * `retryable: false` means that the same input will fail again, so that Temporal does not retry and a person must act.
 */
export const failures = {
  InvalidSpec: { retryable: false, meaning: 'a field of the manifest has a value that cannot work' },
  NotSupportedYet: {
    retryable: false,
    meaning: 'the kind is accepted and stored, its workflow comes in a later release',
  },
  DatasetMissing: { retryable: true, meaning: 'the job names a Dataset that does not exist' },
  ModelMissing: { retryable: true, meaning: 'the job names a Model that does not exist' },
  NodeUnknown: { retryable: true, meaning: 'no local controller has ever registered this node' },
  NodeSilent: { retryable: true, meaning: 'the local controller of the node is not connected' },
  DatasetElsewhere: { retryable: false, meaning: 'a local dataset can only be trained and judged on its own node' },
  DatasetUnreadable: { retryable: true, meaning: 'the index file of the dataset cannot be read' },
  DatasetReplaced: { retryable: false, meaning: 'the dataset was replaced after these samples were chosen' },
  NoNewSamples: { retryable: true, meaning: 'there is no sample that was not used yet' },
  NoEvalSamples: { retryable: false, meaning: 'trainProb leaves no sample to evaluate with' },
  WindowClosed: { retryable: true, meaning: 'the time window of the trigger is closed' },
  ThresholdNotReached: { retryable: true, meaning: 'the condition of the trigger is not met yet' },
  MetricMissing: { retryable: false, meaning: 'the trigger names a metric that was not reported' },
  ImageNotAllowed: { retryable: false, meaning: 'the image is not in the allowlist of the node' },
  InvalidTemplate: { retryable: false, meaning: 'the pod template cannot be run by the runtime of the node' },
  WorkerFailed: { retryable: false, meaning: 'the worker ended with an error' },
  NoReport: { retryable: false, meaning: 'the worker ended well but reported no result' },
  ModelUnreadable: { retryable: false, meaning: 'the file of a model is missing or cannot be read' },
  ModelMisfit: { retryable: false, meaning: 'the model cannot run on the node it is meant for' },
  WorkerNotReady: {
    retryable: true,
    meaning: 'a worker that serves runs, but does not answer its readiness probe',
  },
  CrashLoopBackOff: { retryable: true, meaning: 'a worker that serves keeps ending' },
  ModelFormatMismatch: {
    retryable: false,
    meaning: 'the worker reported no model of the format that the Model asks for',
  },
  HotUpdateFailed: { retryable: false, meaning: 'the inference worker did not load the new model' },
  BlobStoreUnreachable: { retryable: true, meaning: 'the node cannot read from or write to the blob store' },
  DiskFull: { retryable: true, meaning: 'a disk of the node has no space left' },
  RoundEnded: { retryable: false, meaning: 'somebody ended the round in Temporal, past its job' },
  TooFewClients: { retryable: true, meaning: 'fewer clients are there than a federated round needs' },
  QuorumLost: {
    retryable: true,
    meaning: 'all clients have answered or the deadline has passed, and fewer updates count than a round needs',
  },
  AggregatorFailed: {
    retryable: true,
    meaning: "the aggregator of the user's own ended, was silent, or did not speak the protocol",
  },
  AggregateInvalid: { retryable: true, meaning: "the aggregator of the user's own answered with what is no model" },
  Paused: { retryable: true, meaning: 'somebody paused the resource' },
  Stopped: { retryable: true, meaning: 'somebody stopped the resource' },
} as const satisfies Record<string, { retryable: boolean; meaning: string }>;

export type FailureType = keyof typeof failures;

export function isFailureType(value: string | null | undefined): value is FailureType {
  return typeof value === 'string' && Object.hasOwn(failures, value);
}

/** Between the node that aggregates and the run, which asks the clients again; details: SHA-256 of the updates. No person reads it. */
export const updatesMissing = 'UpdatesMissing';

/** What a failure looks like once it is data: in state, status, signals. */
export interface Problem {
  reason: string;
  message: string;
}
