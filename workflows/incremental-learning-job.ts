import {
  CancellationScope,
  ParentClosePolicy,
  WorkflowIdReusePolicy,
  getExternalWorkflowHandle,
  startChild,
} from '@temporalio/workflow';
import type { TriggerObservation, WorkerObservation, WorkerSpec } from '../activities/contracts.ts';
import type { IncrementalLearningJobFields } from '../crds/fields.ts';
import { farewell, resident } from './lib/activities.ts';
import { runEntity, type EntityInput, type EntityKind } from './lib/entity.ts';
import { entityId, roundId, serviceWorkerName, type Owner } from './lib/ids.ts';
import type { Mode, Verb } from './lib/messages.ts';
import type { Operation } from './lib/operations.ts';
import { problemOf } from './lib/problems.ts';
import { startCursor } from './lib/samples.ts';
import { recall } from './lib/incremental/recall.ts';
import { beginAgain, endRound, newsOfRound, note, resumeRound, retryRound } from './lib/incremental/rounds.ts';
import { assess, isOfDataset, needs, openSelectors } from './lib/incremental/situation.ts';
import type { JobView, Situation } from './lib/incremental/situation.ts';
import { placing } from './lib/surroundings.ts';
import type { IncrementalState, RoundNews } from './lib/incremental/state.ts';
import { incrementalStatus } from './lib/incremental/status.ts';
import { keyOf, onTriggered, waitingOf, type Waiting } from './lib/incremental/waiting.ts';
import type { incrementalRound } from './runs/incremental-round.ts';

/** The learning loop: wait for enough new samples → a round (train, evaluate, deploy) → wait again; and serve all the time. */
const jobKind: EntityKind<IncrementalLearningJobFields, IncrementalState> = {
  kind: 'IncrementalLearningJob',

  initial: () => ({
    startTime: new Date().toISOString(),
    cursor: startCursor,
    round: 0,
    mode: 'run',
    manual: false,
    placed: {},
    evalSets: [],
    conditions: [],
    waiting: {},
    annotations: {},
    nodes: [],
  }),

  needs,
  status: incrementalStatus,

  advance(view) {
    const { own } = view;
    const { situation } = assess(view);
    if (own.conditions.length === 0) note(own, { stage: 'Train', type: 'Waiting' });
    if (situation === undefined) return;
    // What serves from now on is what the round is to deploy to.
    const revision = serving(view, situation)?.key;
    if (beginAgain(view, situation)) own.servedRevision = revision;
  },

  plan(view) {
    const operations: Operation[] = openSelectors(view).map((selector) => placing(view, selector));
    const { situation } = assess(view);
    const { own } = view;
    const serve = situation && serving(view, situation);
    if (serve !== undefined) operations.push(serve);
    if (own.current !== undefined) operations.push(rounding(view), ...relaying(view));
    const waiting = waitingOf(view, situation);
    if (waiting !== undefined) operations.push(awaiting(view, waiting));
    return operations;
  },

  onDesired(view, before) {
    if (before === undefined) return;
    view.own.placed = {};
    // What an edit may have mended is tried again at once.
    if (view.own.suspended?.problem !== undefined) view.own.beyond = undefined;
  },

  onObserved(view, slot, value, node) {
    if (slot === 'trigger' && isOfDataset(view, node)) view.own.waiting = value as TriggerObservation;
    if (slot === 'serve') view.own.serving = value as WorkerObservation;
    if (slot === 'round') newsOfRound(view, value as RoundNews);
  },

  recalls: { fields: ['round', 'usedSamples', 'conditions'], take: recall },

  onVerb: (view, verb) => verdicts[verb]?.(view) ?? undefined,

  async teardown(view) {
    const owner = ownerOf(view);
    const nodes = new Set([...view.own.nodes, ...Object.values(assess(view).situation?.nodes ?? {})]);
    await Promise.allSettled([...nodes].map((node) => farewell(node, `clean up ${node}`).removeOwner({ owner })));
  },
};

export async function incrementalLearningJob(
  input: EntityInput<IncrementalLearningJobFields, IncrementalState>,
): Promise<void> {
  await runEntity(jobKind, input);
}

/** What each verb does; a string is why it is refused. */
const verdicts: Partial<Record<Verb, (view: JobView) => string | undefined>> = {
  trigger({ own }) {
    if (own.mode !== 'run') return `it is ${own.mode === 'pause' ? 'paused' : 'stopped'}; resume it first`;
    own.manual = true;
    return undefined;
  },
  pause: (view) => setMode(view, 'pause'),
  stop: (view) => setMode(view, 'stop'),
  resume: (view) => setMode(view, 'run'),
  retry(view) {
    if (view.own.suspended === undefined) return 'no failed round to run again';
    return retryRound(view);
  },
  approve: () => 'an IncrementalLearningJob has nothing to approve',
  reject: () => 'an IncrementalLearningJob has nothing to reject',
  reset: () => 'an IncrementalLearningJob keeps no rounds to go back to',
};

function setMode(view: JobView, mode: Mode): string | undefined {
  const { own } = view;
  if (own.mode === mode) return mode === 'run' ? 'it is not paused' : undefined;
  own.mode = mode;
  // A round that was stopped half-way goes on where it stopped; a failed one waits for retry or its next trigger.
  if (mode === 'run' && own.suspended !== undefined && own.suspended.problem === undefined) return resumeRound(view);
  return undefined;
}

function ownerOf(view: JobView): Owner {
  return { ...view.ref, uid: view.desired.uid };
}

/** The inference worker, from the first moment on. A round pins what it deploys to; an edit meanwhile waits for its end. */
function serving(view: JobView, situation: Situation): Operation | undefined {
  const { desired, own } = view;
  const { deploy, hotUpdate, pollPeriodSeconds } = desired.fields;
  const node = situation.nodes.deploy;
  const owner = ownerOf(view);
  const revision = JSON.stringify([
    node,
    deploy.templateDigest,
    deploy.hardExampleMining,
    hotUpdate,
    pollPeriodSeconds,
    situation.deployModel.url,
  ]);
  const key = own.current === undefined ? revision : (own.servedRevision ?? revision);
  const { manifest } = desired;
  if (manifest === undefined) return undefined;
  const { name, parameters } = deploy.hardExampleMining;
  const worker: WorkerSpec = {
    name: serviceWorkerName(owner, 'inference'),
    owner,
    stage: 'Inference',
    manifest,
    template: 'spec.deploySpec.template',
    env: {
      NAMESPACE: owner.namespace,
      JOB_NAME: owner.name,
      HEM_NAME: name,
      HEM_PARAMETERS: JSON.stringify(parameters ?? null),
    },
    models: { MODEL_URL: [{ url: situation.deployModel.url, format: situation.deployModel.format }] },
    revision: key,
  };
  const listener = { workflowId: entityId(view.ref), uid: desired.uid, slot: 'serve' };
  const run = async (): Promise<void> => {
    own.servedRevision = key;
    if (!own.nodes.includes(node)) own.nodes = [...own.nodes, node];
    await resident(node, `serve on ${node}`).serveWorker({
      listener,
      worker,
      ...(hotUpdate ? { hotUpdate: { pollPeriodSeconds } } : {}),
    });
  };
  return { slot: 'serve', key, run };
}

function awaiting(view: JobView, waiting: Waiting): Operation {
  const run = async (): Promise<void> => {
    const { node, input } = waiting;
    onTriggered(view, waiting, await resident(node, `wait for samples on ${node}`).awaitTrigger(input));
  };
  return { slot: 'loop', key: keyOf(waiting), run };
}

function rounding(view: JobView): Operation {
  const { own, desired, ref } = view;
  const current = own.current;
  const round = current?.plan.round ?? 0;
  const run = async (): Promise<void> => {
    if (current === undefined) return;
    const child = await startChild<typeof incrementalRound>('incrementalRound', {
      workflowId: roundId(entityId(ref), desired.uid, round),
      args: [{ plan: current.plan, progress: current.progress, resumed: current.resumed }],
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      // A round that failed or was stopped is taken up again under its own id.
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      staticSummary: `round ${round} of ${ref.namespace}/${ref.name}: ${current.plan.take.trainSamples} samples`,
    });
    current.started = true;
    view.changed();
    try {
      const { last, ...outcome } = await child.result();
      newsOfRound(view, { round, events: last });
      endRound(view, outcome);
    } catch (error) {
      if (CancellationScope.current().consideredCancelled) throw error;
      // Somebody cancelled or terminated the round from outside: to the job it has failed where it was.
      const { reason, message } = problemOf(error);
      const problem = {
        reason: reason === 'Error' ? 'RoundEnded' : reason,
        message: `the round was ended: ${message}`,
      };
      endRound(view, { kind: 'failed', stage: current.stage, problem, progress: current.progress });
    }
  };
  return { slot: 'loop', key: `round ${round}.${current?.resumed ?? 0}`, run, uninterruptible: true };
}

/** Tells a running round that somebody paused, resumed or stopped its job. */
function relaying(view: JobView): Operation[] {
  const { own, desired, ref } = view;
  const current = own.current;
  // Before the run has started nobody is there to be told; starting it brings us back here.
  if (current?.started !== true || current.told === own.mode) return [];
  const mode = own.mode;
  const run = async (): Promise<void> => {
    await getExternalWorkflowHandle(roundId(entityId(ref), desired.uid, current.plan.round)).signal('mode', mode);
    current.told = mode;
  };
  return [{ slot: 'relay', key: mode, run }];
}
