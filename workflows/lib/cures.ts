/** What a person does about each reason, in one line, and where it is said at length. Pure: status and command line say the same. */
import type { FailureType } from './failures.ts';
import type { EntityRef } from './ids.ts';

/** Reasons of status that are no failures, but may last. */
type OtherReason = 'Starting' | 'Collecting' | 'InferenceStarting' | 'WaitingForSlot' | 'Error';

/** OBJECT stands for the object as every verb of the command line takes it. */
const cures: Record<FailureType | OtherReason, string> = {
  InvalidSpec: 'correct the field and apply again',
  NotSupportedYet:
    'nothing to do: the object is kept, a later release takes it up; fields that are named can be left out',
  DatasetMissing: 'apply the Dataset; this goes on by itself',
  ModelMissing: 'apply the Model; this goes on by itself',
  NodeUnknown: 'start a local controller there (sedna lc --node NAME), or name one that sedna nodes lists',
  NodeSilent: 'bring the node or its link back; sedna nodes shows who is connected',
  DatasetElsewhere: 'leave nodeName out of the template, or name the node of the dataset; then apply again',
  DatasetReplaced:
    'nothing to do: all samples of the new file count as new; sedna trigger OBJECT starts a round at once',
  DatasetUnreadable: 'create or mend the index file on its node, or correct spec.url of the Dataset and apply again',
  NoNewSamples: 'append samples to the dataset',
  NoEvalSamples: 'lower spec.dataset.trainProb below 1 and apply again',
  WindowClosed: 'wait for the window, or sedna trigger OBJECT',
  ThresholdNotReached: 'wait for more samples, or sedna trigger OBJECT',
  MetricMissing: 'name a reported metric in spec.deploySpec.trigger and apply again; the next round is judged by it',
  ImageNotAllowed: 'add the image to the allowlist (sedna up --images FILE), then sedna retry OBJECT',
  InvalidTemplate: 'correct the field of the template and apply again; after a failed round also sedna retry OBJECT',
  WorkerFailed: 'read sedna logs OBJECT, mend the worker, then sedna retry OBJECT',
  NoReport: 'make the worker report its result, then sedna retry OBJECT',
  ModelUnreadable: 'make the file of the model readable on the node; if a round has failed by it, sedna retry OBJECT',
  ModelMisfit:
    'name a model that the node can run, or a node that can run it, and apply again; then sedna retry OBJECT',
  WorkerNotReady: 'read sedna logs OBJECT and mend what it waits for; it goes on by itself once it answers',
  CrashLoopBackOff: 'read sedna logs OBJECT, mend the worker or its model, then apply again; it goes on trying',
  ModelFormatMismatch: 'make spec.format of the Model and the worker agree, then sedna retry OBJECT',
  HotUpdateFailed: 'read sedna logs OBJECT --stage Inference, mend the worker, then sedna retry OBJECT',
  DiskFull: 'free space on the node; this goes on by itself',
  BlobStoreUnreachable: 'make SEDNA_BLOB_URL readable and writable for the node, then restart its local controller',
  TooFewClients: 'apply the missing Datasets and start the local controllers of their nodes; this goes on by itself',
  QuorumLost:
    'bring the missing clients back, or mend what was refused and sedna retry OBJECT; or lower spec.rounds.quorum',
  AggregatorFailed:
    'read sedna logs OBJECT --stage Aggregation and mend the aggregator or its template; it goes on trying, sedna retry OBJECT tries at once',
  AggregateInvalid:
    'make the aggregator answer with the layers that it was sent; it goes on trying, sedna retry OBJECT tries at once',
  Paused: 'sedna resume OBJECT',
  Stopped: 'sedna resume OBJECT',
  RoundEnded: 'sedna retry OBJECT',
  Collecting:
    'nothing to do: the round closes when the clients have answered, or at spec.rounds.deadline with a quorum',
  Starting: 'nothing to do; if it lasts: sedna doctor',
  WaitingForSlot:
    'nothing to do: it starts when a worker of the node ends (sedna get workers); SEDNA_SLOTS of its local controller lets more run at once',
  InferenceStarting: 'nothing to do; if it lasts: sedna logs OBJECT --stage Inference, and mend its readinessProbe',
  Error: 'report it, with sedna describe OBJECT',
};

/** What workers of this SDK refuse, by the word with which their message begins. */
const refusals: Record<string, string> = {
  InvalidModel: 'export the model again, or name another one in spec.initialModel; then sedna retry OBJECT',
  UnsupportedOperator: 'freeze the layers before that operator or export with other ones, then sedna retry OBJECT',
  InvalidSamples: 'mend the samples or the code that reads them, then sedna retry OBJECT',
  InvalidWeights: 'name the file of weights that belongs to the model, then sedna retry OBJECT',
  InvalidOptions: 'correct the option in the worker or its env, then sedna retry OBJECT',
  InvalidInput: 'correct what the worker hands over, then sedna retry OBJECT',
  NotEnoughMemory: 'lower batchSize as the message says, or free memory on the node; then sedna retry OBJECT',
  TrainingDiverged: 'lower the learning rate or scale the inputs, then sedna retry OBJECT',
  RuntimeFailed: 'try another execution provider, then sedna retry OBJECT',
};

/** What a person does, and the paragraph that says more. */
export interface Help {
  cure: string;
  more: string;
}

/** Undefined for a reason outside the catalogue. */
export function helpFor(
  { reason, message = '' }: { reason: string; message?: string },
  ref: EntityRef,
): Help | undefined {
  const [, word = ''] = reason === 'WorkerFailed' ? (/: ([A-Z]\w+): /.exec(message) ?? []) : [];
  const refusal = Object.hasOwn(refusals, word) ? refusals[word] : undefined;
  if (refusal !== undefined) return { cure: about(refusal, ref), more: paragraphOf(word) };
  if (!Object.hasOwn(cures, reason)) return undefined;
  return { cure: about(cures[reason as FailureType], ref), more: paragraphOf(reason) };
}

/** Of a round that ended undeployed: what stops a trigger from firing is a result there. */
export function helpForUndeployed({ reason, message }: { reason?: string; message?: string }, ref: EntityRef) {
  if (reason === undefined) return undefined;
  const help = helpFor({ reason, message }, ref);
  const cure = {
    ThresholdNotReached:
      'nothing to do: the deployed model stays; a lower spec.deploySpec.trigger.condition.threshold deploys smaller gains',
    WindowClosed:
      'nothing to do: the next round is judged anew; a wider spec.deploySpec.trigger.timer deploys at other times',
  }[reason];
  return help === undefined || cure === undefined ? help : { ...help, cure };
}

function about(cure: string, ref: EntityRef): string {
  return cure.replaceAll('OBJECT', wordOf(ref));
}

/** Paragraph about a reason or code. */
export function paragraphOf(code: string): string {
  return `docs/errors.md#${code.toLowerCase()}`;
}

/** As `sedna retry` takes it. */
export function wordOf({ kind, namespace, name }: EntityRef): string {
  const word = `${kind.toLowerCase()}/${name}`;
  return namespace === '' || namespace === 'default' ? word : `${word} -n ${namespace}`;
}
