import {
  CancellationScope,
  ParentClosePolicy,
  WorkflowIdReusePolicy,
  getExternalWorkflowHandle,
  startChild,
} from '@temporalio/workflow';
import type { ClientNews } from '../activities/contracts.ts';
import type { FederatedLearningJobFields } from '../crds/fields.ts';
import { control, farewell } from './lib/activities.ts';
import { runEntity, type EntityInput, type EntityKind } from './lib/entity.ts';
import type { FederatedState } from './lib/federated/job-state.ts';
import {
  aggregatorSelector,
  aggregatorNode,
  assess,
  needs,
  places,
  selectorKey,
  type FederatedView,
} from './lib/federated/situation.ts';
import { keptRounds, type Mode, type RunNews, type RunOutcome, type RunPlan } from './lib/federated/state.ts';
import { federatedStatus } from './lib/federated/status.ts';
import { entityId, runId } from './lib/ids.ts';
import type { Verb } from './lib/messages.ts';
import type { Operation } from './lib/operations.ts';
import { problemOf } from './lib/problems.ts';
import { maxConditions, type StatusDraft } from './lib/status.ts';
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

  plan(view) {
    if (!isPlanned(view)) return [];
    const { own, operations } = view;
    const wanted: Operation[] = placing(view);
    const { plan } = assess(view);
    if (plan === undefined && !operations.isRunning('run')) return wanted;
    if (own.mode === 'run' && takesUp(view)) own.ended = undefined;
    if (own.ended === undefined && (plan !== undefined || operations.isRunning('run')))
      wanted.push(running(view, plan));
    if (plan !== undefined) wanted.push(...relaying(view, plan));
    return wanted;
  },

  onDesired(view, before) {
    if (before === undefined) return;
    view.own.placed = {};
    // What an edit may have mended is tried again.
    if (view.own.ended?.kind === 'failed') view.own.ended = undefined;
  },

  onObserved(view, slot, value) {
    if (slot === 'run') newsOfRun(view, value as RunNews);
    if (slot === 'client') newsOfClient(view, value as ClientNews);
  },

  onVerb: (view, verb) => verdicts[verb]?.(view) ?? undefined,

  async teardown(view) {
    if (!isPlanned(view)) return;
    const owner = { ...view.ref, uid: view.desired.uid };
    const nodes = new Set(view.own.nodes);
    for (const { place } of places(view)) if (place !== undefined) nodes.add(place.node);
    await Promise.allSettled([...nodes].map((node) => farewell(node, `clean up ${node}`).removeOwner({ owner })));
  },
};

export async function federatedLearningJob(
  input: EntityInput<FederatedLearningJobFields, FederatedState>,
): Promise<void> {
  await runEntity(jobKind, input);
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
const verdicts: Partial<Record<Verb, (view: FederatedView) => string | undefined>> = {
  pause: (view) => setMode(view, 'pause'),
  stop: (view) => setMode(view, 'stop'),
  resume: (view) => setMode(view, 'run'),
  retry({ own }) {
    if (own.ended?.kind === 'failed') own.ended = undefined;
    else if (own.news?.refused.length) own.retries = (own.retries ?? 0) + 1;
    else return 'nothing has failed';
    return undefined;
  },
  trigger: () => 'a FederatedLearningJob begins its rounds by itself',
  approve: () => 'a FederatedLearningJob has nothing to approve',
  reject: () => 'a FederatedLearningJob has nothing to reject',
};

function setMode({ own }: FederatedView, mode: Mode): string | undefined {
  if (own.ended?.kind === 'completed') return 'it has completed';
  if (own.mode === mode) return mode === 'run' ? 'it is not paused' : undefined;
  own.mode = mode;
  return undefined;
}

/** A stopped job that may go on, or a completed one that an edit gave more rounds. */
function takesUp({ own, desired }: FederatedView): boolean {
  if (own.ended?.kind === 'stopped') return true;
  const done = own.run.records.at(-1)?.round ?? 0;
  return own.ended?.kind === 'completed' && own.ended.reason === 'AllRounds' && done < desired.fields.rounds.total;
}

function placing(view: FederatedView): Operation[] {
  if (aggregatorNode(view) !== undefined) return [];
  const selector = aggregatorSelector(view.desired.fields);
  const key = selectorKey(selector);
  const run = async (): Promise<void> => {
    const { node } = await control(`find a node with ${key}`).place({ nodeSelector: selector });
    view.own.placed = { ...view.own.placed, [key]: node };
  };
  return [{ slot: `place ${key}`, key, run }];
}

function running(view: FederatedView, plan: RunPlan | undefined): Operation {
  const { own, desired, ref } = view;
  const owner = { ...ref, uid: desired.uid };
  const run = async (): Promise<void> => {
    if (plan === undefined) return;
    own.nodes = [
      ...new Set([...own.nodes, plan.aggregator, ...plan.clients.flatMap(({ place }) => place?.node ?? [])]),
    ];
    own.completionTime = undefined;
    own.news = undefined;
    own.told = { plan: JSON.stringify(plan), mode: 'run', retries: own.retries };
    const child = await startChild<typeof federatedRun>('federatedRun', {
      workflowId: runId(entityId(ref), desired.uid, own.epoch),
      args: [{ owner, epoch: own.epoch, plan, state: own.run }],
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      staticSummary: `rounds of ${ref.namespace}/${ref.name}`,
    });
    own.started = true;
    view.changed();
    try {
      end(view, await child.result());
    } catch (error) {
      if (CancellationScope.current().consideredCancelled) throw error;
      const { reason, message } = problemOf(error);
      const problem = { reason: reason === 'Error' ? 'Stopped' : reason, message: `the run was ended: ${message}` };
      end(view, { kind: 'failed', state: own.run, problem });
    }
  };
  return { slot: 'run', key: `epoch ${own.epoch}.${own.resumes}`, run, uninterruptible: true };
}

/** Tells the run what changed: an edit, a client that came, a pause. */
function relaying(view: FederatedView, plan: RunPlan): Operation[] {
  const { own, desired, ref } = view;
  if (own.started !== true || own.ended !== undefined) return [];
  const text = JSON.stringify(plan);
  const { mode, retries } = own;
  const { told } = own;
  if (told.plan === text && told.mode === mode && told.retries === retries) return [];
  const run = async (): Promise<void> => {
    const handle = getExternalWorkflowHandle(runId(entityId(ref), desired.uid, own.epoch));
    if (told.plan !== text) await handle.signal('plan', plan);
    if (told.mode !== mode) await handle.signal('mode', mode);
    if (told.retries !== retries) await handle.signal('retry');
    own.told = { plan: text, mode, retries };
  };
  return [{ slot: 'relay', key: `${mode} ${retries} ${text}`, run, uninterruptible: true }];
}

function newsOfRun(view: FederatedView, news: RunNews): void {
  const { own } = view;
  const known = own.news;
  if (news.epoch !== own.epoch || (known?.run === news.run && news.sequence <= known.sequence)) return;
  own.news = news;
  const { last } = news;
  if (last !== undefined && last.round > (known?.last?.round ?? own.run.records.at(-1)?.round ?? 0)) {
    // As the original says it, for each round once.
    note(view, 'Training', { reason: 'DoTraining', message: `Round ${last.round} reaches at ${last.time}` });
    own.run = { ...own.run, records: [...own.run.records, last].slice(-keptRounds) };
  }
  warn(view, news, known?.round === news.round ? known : undefined);
}

/** Events for what is new: refusals, and a quorum that was lost. */
function warn(view: FederatedView, news: RunNews, known: RunNews | undefined): void {
  const { round, refused, waitingFor } = news;
  for (const { client, problem } of refused) {
    if (known?.refused.some((entry) => entry.client === client)) continue;
    view.emit({
      type: 'Warning',
      reason: problem.reason,
      message: `round ${round}: client ${client}: ${problem.message}`,
    });
  }
  if (waitingFor?.reason === 'QuorumLost' && known?.waitingFor?.reason !== 'QuorumLost') {
    view.emit({ type: 'Warning', reason: 'QuorumLost', message: waitingFor.message });
  }
}

function newsOfClient({ own }: FederatedView, news: ClientNews): void {
  own.clients = { ...own.clients, [news.client]: news };
}

function end(view: FederatedView, outcome: RunOutcome): void {
  const { own } = view;
  const { state, ...ended } = outcome;
  own.run = state;
  own.ended = ended;
  own.started = false;
  own.resumes += 1;
  own.clients = {};
  if (ended.kind === 'completed') {
    own.completionTime = new Date().toISOString();
    note(view, 'Complete', {});
    view.emit({ type: 'Normal', reason: 'Completed', message: `FederatedLearningJob completed: ${ended.message}` });
  }
  if (ended.kind === 'failed') {
    note(view, 'Failed', ended.problem);
    view.emit({ type: 'Warning', ...ended.problem });
  }
}

function note({ own }: FederatedView, type: string, rest: { reason?: string; message?: string }): void {
  const now = new Date().toISOString();
  const condition = { type, status: 'True' as const, ...rest, lastHeartbeatTime: now, lastTransitionTime: now };
  own.conditions = [...own.conditions, condition].slice(-maxConditions);
}
