import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  CancellationScope,
  ChildWorkflowCancellationType,
  ParentClosePolicy,
  WorkflowIdReusePolicy,
  getExternalWorkflowHandle,
  isCancellation,
  sleep,
  startChild,
} from '@temporalio/workflow';
import type { AggregatorNews, ClientNews } from '../activities/contracts.ts';
import type { FederatedLearningJobFields } from '../crds/fields.ts';
import { farewell } from './lib/activities.ts';
import { runEntity, type EntityInput, type EntityKind } from './lib/entity.ts';
import { differ } from './lib/federated/aggregating.ts';
import { cohortLimits } from './lib/federated/cohorts.ts';
import type { FederatedState } from './lib/federated/job-state.ts';
import {
  aggregatorSelector,
  aggregatorNode,
  assess,
  needs,
  places,
  type FederatedView,
} from './lib/federated/situation.ts';
import { end, endOfRun, lost, newsOfAggregator, newsOfClient, newsOfRun } from './lib/federated/progress.ts';
import type { RunEnd, RunNews, RunPlan } from './lib/federated/state.ts';
import { recall } from './lib/federated/recall.ts';
import { reset } from './lib/federated/reset.ts';
import { undeclared } from './lib/federated/stopping.ts';
import { details, published } from './lib/federated/stored.ts';
import { federatedStatus, hinders } from './lib/federated/status.ts';
import { entityId, runId } from './lib/ids.ts';
import type { Mode, Verb } from './lib/messages.ts';
import type { Operation } from './lib/operations.ts';
import { problemOf } from './lib/problems.ts';
import type { StatusDraft } from './lib/status.ts';
import { placing } from './lib/surroundings.ts';
import { tell } from './lib/tell.ts';
import { inTurns } from './lib/turns.ts';
import type { federatedRun } from './runs/federated-run.ts';

/** Rounds over many nodes: the job finds clients, aggregator and models; its run does the rounds. */
const jobKind: EntityKind<FederatedLearningJobFields, FederatedState> = {
  kind: 'FederatedLearningJob',

  initial: () => ({
    startTime: new Date().toISOString(),
    mode: 'run',
    epoch: 1,
    run: { records: [], met: 0, failures: {}, samples: {} },
    resumes: 0,
    told: { mode: 'run' },
    clients: {},
    conditions: [],
    placed: {},
    nodes: [],
  }),

  needs: (view) => (isPlanned(view) ? needs(view) : []),
  status: (view) => (isPlanned(view) ? federatedStatus(view) : unplanned),

  advance(view) {
    if (!isPlanned(view) || view.own.abandoned?.length) return;
    if (view.own.mode === 'run' && assess(view).plan !== undefined && takesUp(view)) view.own.ended = undefined;
  },

  plan(view) {
    if (!isPlanned(view)) return [];
    const { own, operations } = view;
    if (own.abandoned?.length) return [abandoning(view, own.abandoned)];
    const wanted: Operation[] = [];
    if (aggregatorNode(view) === undefined) wanted.push(placing(view, aggregatorSelector(view.desired.fields)));
    const { plan } = assess(view);
    if (operations.isRunning('run')) wanted.push(following(own));
    else if (plan !== undefined && own.ended === undefined && own.started !== true) wanted.push(running(view, plan));
    if (plan !== undefined) wanted.push(...relaying(view, plan));
    return wanted;
  },

  onDesired(view, before) {
    if (before === undefined) return;
    view.own.placed = {};
    // What an edit may have mended is tried again.
    if (view.own.ended?.kind === 'failed') view.own.ended = undefined;
    const [one, other] = [before, view.desired].map(({ fields }) => JSON.stringify(fields.aggregation));
    if (view.own.ended?.kind === 'completed' && one !== other) view.own.run = undeclared(view.own.run);
  },

  onObserved(view, slot, value) {
    if (slot === 'run') newsOfRun(view, value as RunNews);
    if (slot === 'ended') endOfRun(view, value as RunEnd);
    if (slot === 'client') newsOfClient(view, value as ClientNews);
    if (slot === 'aggregator') newsOfAggregator(view, value as AggregatorNews);
  },

  recalls: {
    fields: ['phase', 'epoch', 'round', 'rounds', 'lastRound', 'startTime', 'completionTime', 'conditions'],
    take: (view, status) => (isPlanned(view) ? recall(view, status) : undefined),
  },

  onVerb: (view, verb, argument) => verdicts[verb]?.(view, argument) ?? undefined,
  published: (view) => (isPlanned(view) ? published(view) : undefined),
  details: (view) => (isPlanned(view) ? details(view) : undefined),

  async teardown(view) {
    if (!isPlanned(view)) return;
    const owner = { ...view.ref, uid: view.desired.uid };
    if (view.own.started === true) await cancelRun(runOf(view));
    const nodes = new Set(view.own.nodes);
    for (const { place } of places(view)) if (place !== undefined) nodes.add(place.node);
    await inTurns([...nodes], (node) => farewell(node, `clean up ${node}`).removeOwner({ owner }));
  },
};

export async function federatedLearningJob(
  input: EntityInput<FederatedLearningJobFields, FederatedState>,
): Promise<void> {
  await runEntity(jobKind, input);
}

async function cancelRun(id: string): Promise<void> {
  try {
    await getExternalWorkflowHandle(id).cancel();
  } catch (error) {
    if (isCancellation(error)) throw error; // Any other: it has ended already.
  }
}

/** Objects that an earlier release only stored come without fields until somebody sends them again: the watcher does at once. */
function isPlanned({ desired }: FederatedView): boolean {
  return Object.hasOwn(desired.fields, 'clients');
}

const unplannedVerdict = { status: false, reason: 'NotSupportedYet' };
const unplanned: StatusDraft = {
  phase: 'Pending',
  waitingFor: {
    reason: 'NotSupportedYet',
    message: 'an earlier release stored it; apply it again and its rounds begin',
  },
  progressing: unplannedVerdict,
  available: unplannedVerdict,
};

/** What each verb does; a string is why it is refused. */
const verdicts: Partial<Record<Verb, (view: FederatedView, argument: unknown) => string | undefined>> = {
  pause: (view) => setMode(view, 'pause'),
  stop: (view) => setMode(view, 'stop'),
  resume: (view) => setMode(view, 'run'),
  retry(view) {
    const { own } = view;
    if (own.ended?.kind === 'failed') own.ended = undefined;
    else if (own.news?.refused.length || hinders(view) !== undefined) own.retries = (own.retries ?? 0) + 1;
    else return 'nothing has failed';
    return undefined;
  },
  trigger: () => 'a FederatedLearningJob begins its rounds by itself',
  approve: () => 'a FederatedLearningJob has nothing to approve',
  reject: () => 'a FederatedLearningJob has nothing to reject',
  reset: (view, argument) => reset(view, argument, runOf(view)),
};

function setMode({ own }: FederatedView, mode: Mode): string | undefined {
  if (own.ended?.kind === 'completed') return 'it has completed';
  if (own.mode === mode) return mode === 'run' ? 'it is not paused' : undefined;
  own.mode = mode;
  return undefined;
}

/** A stopped job that may go on, or a completed one that an edit gave more rounds, or another aggregator than the one that had declared the last round. */
function takesUp({ own, desired }: FederatedView): boolean {
  if (own.ended?.kind === 'stopped') return true;
  const { round = 0, finished = false } = own.run.records.at(-1) ?? {};
  if (own.ended?.kind !== 'completed' || round >= desired.fields.rounds.total) return false;
  return own.ended.reason === 'AllRounds' || (own.ended.reason === 'AggregatorEnded' && !finished);
}

/** Runs of epochs that a reset has ended. No other one begins meanwhile. */
function abandoning(view: FederatedView, ids: string[]): Operation {
  const run = async (): Promise<void> => {
    await Promise.all(ids.map(cancelRun));
    view.own.abandoned = view.own.abandoned?.filter((id) => !ids.includes(id));
    view.changed();
  };
  return { slot: 'abandon', key: ids.join(), run, uninterruptible: true };
}

/** The run that goes on, which no change of the plan may end. */
function following({ epoch, resumes }: FederatedState): Operation {
  return { slot: 'run', key: runKey(epoch, resumes), run: () => Promise.resolve() };
}

const runKey = (epoch: number, attempt: number): string => `epoch ${epoch}.${attempt}`;

/**
 * The rounds. The run outlives continue-as-new of the job, which is short for that reason: a job of a thousand rounds has told and heard
 * more than one history holds. So it is abandoned to itself, tells its end by signal, and is cancelled by the job's teardown.
 */
function running(view: FederatedView, plan: RunPlan): Operation {
  const { own } = view;
  const [attempt, epoch, id] = [own.resumes, own.epoch, runOf(view)];
  let isBegun = false;
  const run = async (): Promise<void> => {
    own.nodes = withNodes(own.nodes, plan);
    own.completionTime = undefined;
    own.news = undefined;
    own.told = { plan: JSON.stringify(plan), mode: own.mode, retries: own.retries };
    const child = await startOrAdopt(view, plan, attempt);
    if (child === undefined) own.told = { mode: 'run' };
    isBegun = true;
    // Somebody has reset the job while its run was being started.
    if (own.epoch !== epoch) return cancelRun(id);
    own.started = true;
    view.changed();
    if (child === undefined) return;
    try {
      await child.result();
    } catch (error) {
      if (CancellationScope.current().consideredCancelled) throw error;
      // Terminated from outside: a run that ends by itself, or is cancelled, has told so before.
      if (own.epoch === epoch) end(view, attempt, lost(own, problemOf(error).message));
    }
  };
  return { slot: 'run', key: runKey(own.epoch, attempt), run, uninterruptible: () => !isBegun };
}

/** That have something of the job, for its end. */
function withNodes(nodes: string[], { aggregator, clients }: RunPlan): string[] {
  return [...new Set([...nodes, aggregator, ...clients.flatMap(({ place }) => place?.node ?? [])])];
}

const closingTries = 50;
const closingMs = 200;

/** Undefined: a run of an earlier life of this entity, which somebody terminated, goes on as this one's. */
async function startOrAdopt(view: FederatedView, plan: RunPlan, attempt: number) {
  for (let tries = 1; ; tries++) {
    try {
      return await startRun(view, plan);
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      if (attempt === 0) return undefined;
      // The one before has told its end, and takes a moment to close.
      if (tries === closingTries) throw error;
      await sleep(closingMs);
    }
  }
}

function startRun(view: FederatedView, plan: RunPlan) {
  const { own, desired, ref } = view;
  const owner = { ...ref, uid: desired.uid };
  return startChild<typeof federatedRun>('federatedRun', {
    workflowId: runOf(view),
    args: [
      { owner, epoch: own.epoch, attempt: own.resumes, plan, mode: own.mode, state: own.run, cohorts: cohortLimits },
    ],
    parentClosePolicy: ParentClosePolicy.ABANDON,
    cancellationType: ChildWorkflowCancellationType.ABANDON,
    workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
    staticSummary: `rounds of ${ref.namespace}/${ref.name}`,
  });
}

function runOf({ ref, desired, own }: FederatedView): string {
  return runId(entityId(ref), desired.uid, own.epoch);
}

/** Tells the run what changed: an edit, a client that came, a pause. */
function relaying(view: FederatedView, plan: RunPlan): Operation[] {
  const { own } = view;
  if (own.started !== true || own.ended !== undefined) return [];
  const text = JSON.stringify(plan);
  const { mode, retries, told, resumes, epoch } = own;
  const id = runOf(view);
  if (told.plan === text && told.mode === mode && told.retries === retries) return [];
  const run = async (): Promise<void> => {
    own.nodes = withNodes(own.nodes, plan);
    // The node that aggregates is asked anew, and says itself whether it still fails.
    const before = told.plan === undefined ? plan : (JSON.parse(told.plan) as RunPlan);
    if (differ(before, plan)) own.aggregatorSince = plan.generation;
    if (differ(before, plan) || told.retries !== retries) own.aggregator = undefined;
    const news: [string, ...unknown[]][] = [];
    if (told.plan !== text) news.push(['plan', plan]);
    if (told.mode !== mode) news.push(['mode', mode]);
    if (told.retries !== retries) news.push(['retry']);
    for (const [name, ...args] of news) {
      // After continue-as-new nobody else tells this job that somebody terminated its run.
      const isThere = await tell(id, name, ...args);
      if (own.epoch !== epoch) return;
      if (!isThere) return end(view, resumes, lost(own, 'they are not there any more'));
    }
    own.told = { plan: text, mode, retries };
  };
  return [{ slot: 'relay', key: `${mode} ${retries} ${text}`, run, uninterruptible: true }];
}
