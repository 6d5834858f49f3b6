/** How an incremental job's own state follows its rounds. */
import { keptEvalSets, type Take } from '../samples.ts';
import { maxConditions, type Condition } from '../status.ts';
import { planRound, replanRound } from './round-plan.ts';
import { assess, type JobView, type Situation } from './situation.ts';
import {
  type IncrementalState,
  type RoundEvent,
  type RoundNews,
  type RoundOutcome,
  type RoundPlan,
  type RoundProgress,
  type Stage,
  type StageRunning,
} from './state.ts';

type Trained = NonNullable<RoundEvent['trained']>;

/** Appends to Sedna's log of conditions: its last element is the state of the stage. */
export function note(own: IncrementalState, entry: RoundEvent['condition']): void {
  const now = new Date().toISOString();
  const condition: Condition = {
    type: entry.type,
    status: 'True',
    stage: entry.stage,
    lastHeartbeatTime: now,
    lastTransitionTime: now,
    ...(entry.message === undefined ? {} : { message: entry.message }),
    ...(entry.data === undefined ? {} : { data: entry.data }),
  };
  own.conditions = [...own.conditions, condition].slice(-maxConditions);
}

export function beginRound(view: JobView, take: Take): void {
  const { own, desired } = view;
  const { situation } = assess(view);
  if (situation === undefined || desired.manifest === undefined) return;
  // As in the original: whatever failed, the next round begins with Train/Waiting.
  if (own.conditions.at(-1)?.type !== 'Waiting') note(own, { stage: 'Train', type: 'Waiting' });
  own.round += 1;
  own.suspended = undefined;
  own.beyond = undefined;
  own.waiting = {};
  own.metrics = undefined;
  const plan = planRound(view, situation, desired.manifest, { round: own.round, take, evalSets: own.evalSets });
  noteNodes(own, plan);
  own.current = {
    plan,
    progress: {},
    stage: 'Train',
    resumed: 0,
    sequence: 0,
    told: 'run',
  };
  view.emit({
    type: 'Normal',
    reason: 'RoundStarted',
    message: `round ${own.round}: ${take.trainSamples} of ${take.to.samples - take.from} new samples train`,
  });
}

/** The nodes to be tidied when the job is deleted. */
function noteNodes(own: IncrementalState, { nodes }: RoundPlan): void {
  own.nodes = [...new Set([...own.nodes, ...Object.values(nodes)])];
}

/** Takes up a stopped round, pinned as it was, in the stage where it ended. */
export function resumeRound(view: JobView): string | undefined {
  const { own } = view;
  const refusal = whyNot(own);
  if (refusal !== undefined || own.suspended === undefined) return refusal;
  const { plan, progress } = own.suspended;
  takeUp(view, plan, progress);
  return undefined;
}

/** Runs a failed round again, as soon as everything that the present generation names has answered. */
export function retryRound({ own }: JobView): string | undefined {
  const refusal = whyNot(own);
  if (refusal !== undefined || own.suspended === undefined) return refusal;
  own.suspended = { ...own.suspended, again: true };
  return undefined;
}

function whyNot(own: IncrementalState): string | undefined {
  if (own.current !== undefined) return 'a round is running';
  if (own.suspended === undefined) return 'no round to take up again';
  if (own.mode !== 'run') return `it is ${own.mode === 'pause' ? 'paused' : 'stopped'}; resume it first`;
  return undefined;
}

/** Takes up a round that somebody wants to have again, planned anew. True when it has. */
export function beginAgain(view: JobView, situation: Situation): boolean {
  const { own, desired } = view;
  const { suspended } = own;
  if (suspended?.again !== true || own.current !== undefined || own.mode !== 'run') return false;
  if (desired.manifest === undefined) return false;
  const { plan, progress } = replanRound(view, situation, desired.manifest, suspended);
  takeUp(view, plan, progress);
  return true;
}

function takeUp(view: JobView, plan: RoundPlan, progress: RoundProgress): void {
  const { own } = view;
  const stage = own.suspended?.stage ?? nextStage(progress);
  own.resumes = (own.resumes ?? 0) + 1;
  own.suspended = undefined;
  own.beyond = undefined;
  noteNodes(own, plan);
  own.current = { plan, progress, stage, resumed: own.resumes, sequence: 0, told: 'run' };
  view.emit({ type: 'Normal', reason: 'RoundResumed', message: `round ${plan.round} goes on with ${stage}` });
}

export function newsOfRound(view: JobView, news: RoundNews): void {
  const current = view.own.current;
  if (current === undefined || news.round !== current.plan.round) return;
  if ('running' in news) stageRunning(view, news);
  else if ('heldUp' in news) current.retrying = news.heldUp;
  else for (const event of news.events) if (event.sequence > current.sequence) stageEvent(view, event);
}

function stageRunning({ own }: JobView, news: StageRunning): void {
  if (own.current?.stage === news.stage) own.current.retrying = undefined;
  if (!isStarting(own, news.stage)) {
    // The round's word and the node's come on two ways.
    if (own.current !== undefined) own.current.early = news;
    return;
  }
  noteRunning(own, news.stage, news.node);
}

function noteRunning(own: IncrementalState, stage: Stage, node: string): void {
  note(own, { stage, type: 'Running' });
  own.annotations = { ...own.annotations, [`sedna.io/${stage}`]: node };
}

function isStarting({ conditions }: IncrementalState, stage: Stage): boolean {
  const last = conditions.at(-1);
  return last?.stage === stage && last.type === 'Starting';
}

const nodeOf = ({ nodes }: RoundPlan, stage: Stage): string =>
  ({ Train: nodes.train, Eval: nodes.eval, Deploy: nodes.deploy })[stage];

/** What has completed has run, though the word of its node did not get through. */
function noteStage(own: IncrementalState, plan: RoundPlan, condition: RoundEvent['condition']): void {
  const { stage, type } = condition;
  if (type === 'Completed' && isStarting(own, stage)) noteRunning(own, stage, nodeOf(plan, stage));
  note(own, condition);
}

function stageEvent(view: JobView, event: RoundEvent): void {
  const { own } = view;
  const current = own.current;
  if (current === undefined) return;
  current.sequence = event.sequence;
  current.stage = event.condition.stage;
  current.retrying = event.retrying;
  if (event.retrying !== undefined) return;
  noteStage(own, current.plan, event.condition);
  const { early } = current;
  if (event.condition.type === 'Starting' && early?.stage === event.condition.stage) {
    current.early = undefined;
    stageRunning(view, early);
  }
  if (event.node !== undefined) {
    own.annotations = { ...own.annotations, [`sedna.io/${event.condition.stage}`]: event.node };
  }
  if (event.progress !== undefined) current.progress = event.progress;
  if (event.metrics !== undefined) own.metrics = event.metrics;
  if (event.hotUpdateConfig !== undefined) {
    own.annotations = { ...own.annotations, 'sedna.io/model-hot-update-config': event.hotUpdateConfig };
  }
  if (event.trained !== undefined) noteTrained(own, current.plan.take, event.trained);
}

function noteTrained(own: IncrementalState, take: Take, { model, evaluation }: Trained): void {
  own.cursor = take.to;
  own.base = { ...model };
  if (evaluation === undefined) return;
  const others = own.evalSets.filter(({ round }) => round !== evaluation.round);
  own.evalSets = [...others, evaluation].slice(-keptEvalSets);
}

export function endRound(view: JobView, outcome: RoundOutcome): void {
  const { own } = view;
  const current = own.current;
  if (current === undefined) return;
  const { plan } = current;
  own.current = undefined;
  if (outcome.kind === 'completed') {
    const { blob } = outcome;
    if (blob !== undefined && plan.evalUrl !== undefined) own.judgedWith = { evalUrl: plan.evalUrl, blob };
    own.lastRound = {
      round: plan.round,
      samples: plan.take.trainSamples,
      deployed: outcome.deployed,
      reason: outcome.reason,
      message: outcome.message,
      ...(own.metrics === undefined ? {} : { metrics: own.metrics }),
    };
    note(own, { stage: 'Train', type: 'Waiting' });
    view.emit({
      type: 'Normal',
      reason: outcome.deployed ? 'Deployed' : 'NotDeployed',
      message: `round ${plan.round}: ${outcome.message}`,
    });
    return;
  }
  if (outcome.kind === 'stopped') {
    own.suspended = { plan, progress: outcome.progress, stage: nextStage(outcome.progress) };
    view.emit({
      type: 'Normal',
      reason: 'Stopped',
      message: `round ${plan.round} stopped before ${own.suspended.stage}`,
    });
    // Somebody has said resume since the round heard stop.
    if (own.mode === 'run') resumeRound(view);
    return;
  }
  const { stage, problem, progress } = outcome;
  own.suspended = { plan, progress, stage, problem };
  // The samples of a failed training are given back; without this the same ones would fire again at once.
  // Samples that were replaced are not there any more: whatever is there now counts.
  const givenBack = progress.trained === undefined && problem.reason !== 'DatasetReplaced';
  if (givenBack) own.beyond = plan.take.to.samples;
  view.emit({
    type: 'Warning',
    reason: problem.reason,
    message: `${stage} of round ${plan.round} failed: ${problem.message}`,
  });
}

function nextStage({ trained, evaluated }: { trained?: unknown; evaluated?: unknown }): 'Train' | 'Eval' | 'Deploy' {
  if (trained === undefined) return 'Train';
  return evaluated === undefined ? 'Eval' : 'Deploy';
}
