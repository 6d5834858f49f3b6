/** From what an incremental job knows to what a person reads. Pure. */
import type { Problem } from '../failures.ts';
import type { StatusDraft, Verdict } from '../status.ts';
import { assess, silentNode, type JobView, type Situation } from './situation.ts';
import type { IncrementalState, Stage } from './state.ts';

const phases: Record<Stage, string> = { Train: 'Training', Eval: 'Evaluating', Deploy: 'Deploying' };

/** An IncrementalLearningJob is Available while its inference worker serves a model. */
export function incrementalStatus(view: JobView): StatusDraft {
  const { own, desired } = view;
  const { situation, problem } = assess(view);
  const waiting = waitingFor(view, situation, problem);
  const phase = phaseOf(own, situation, problem);
  const degraded = degradation(view, problem);
  const suspended = suspension(own);
  return {
    phase,
    ...(waiting === undefined ? {} : { waitingFor: waiting }),
    progressing: progress(own, desired.generation, waiting),
    available: availability(view, problem),
    ...(degraded === undefined ? {} : { degraded: { status: true, ...degraded } }),
    ...(suspended === undefined ? {} : { suspended }),
    stages: own.conditions,
    annotations: own.annotations,
    fields: {
      startTime: own.startTime,
      round: own.round,
      stage: own.current?.stage ?? own.suspended?.stage ?? 'Train',
      usedSamples: own.cursor.samples,
      ...(own.waiting.value === undefined ? {} : { newSamples: own.waiting.fresh, trainSamples: own.waiting.value }),
      ...(situation === undefined ? {} : { nodes: situation.nodes, node: situation.nodes.train }),
      ...(own.serving === undefined
        ? {}
        : {
            endpoints: own.serving.endpoints,
            inference: { ...own.serving, endpoints: undefined, problem: undefined },
          }),
      ...(own.lastRound === undefined ? {} : { lastRound: own.lastRound }),
    },
  };
}

function phaseOf(own: IncrementalState, situation: Situation | undefined, problem: Problem | undefined): string {
  if (own.current !== undefined) return phases[own.current.stage];
  if (own.mode === 'stop') return 'Stopped';
  if (own.mode === 'pause') return 'Paused';
  if (problem !== undefined || situation === undefined) return 'Pending';
  return own.suspended?.problem === undefined ? 'Waiting' : 'Failed';
}

function waitingFor(
  view: JobView,
  situation: Situation | undefined,
  problem: Problem | undefined,
): Problem | undefined {
  const { own } = view;
  const suspended = suspendedReason(own);
  if (suspended !== undefined) return suspended;
  if (own.current !== undefined) {
    const { nodes } = own.current.plan;
    const node = { Train: nodes.train, Eval: nodes.eval, Deploy: nodes.deploy }[own.current.stage];
    return silentNode(view, [node]) ?? own.current.retrying ?? slotReason(own, node);
  }
  if (problem !== undefined) return problem;
  if (situation === undefined) return { reason: 'Starting', message: 'asks for its Dataset, Models and nodes' };
  return (
    silentNode(view, [situation.nodes.data, situation.nodes.deploy]) ??
    own.waiting.problem ??
    view.operations.problem('loop') ??
    failedRound(view) ??
    // It goes on all the same, but what a person must mend is said before what comes by itself.
    servingProblem(view) ??
    triggerReason(view)
  );
}

/** Said to be started, but no worker runs: the node computes no more at once than it has slots. */
function slotReason({ current, conditions }: IncrementalState, node: string): Problem | undefined {
  const last = conditions.at(-1);
  if (current === undefined || last?.stage !== current.stage || last.type !== 'Starting') return undefined;
  // Deploying takes none.
  if (current.stage === 'Deploy') return undefined;
  const message = `${current.stage} of round ${current.plan.round} waits for a compute slot of ${node}, or its worker is about to start`;
  return { reason: 'WaitingForSlot', message };
}

function suspendedReason(own: IncrementalState): Problem | undefined {
  if (own.mode === 'run') return undefined;
  if (own.mode === 'pause') {
    const step =
      own.current === undefined ? '' : `; the ${own.current.stage} step of round ${own.current.plan.round} may finish`;
    return {
      reason: 'Paused',
      message: `somebody paused it${step}; sedna resume (or annotate sedna.io/resume) goes on`,
    };
  }
  const rest = own.current === undefined ? '' : ` after the running ${own.current.stage} stage`;
  return { reason: 'Stopped', message: `somebody stopped it${rest}; sedna resume goes on where it stopped` };
}

/** Current value against threshold, and the window. */
export function triggerReason(view: JobView): Problem {
  const { fields } = view.desired;
  const { trigger } = fields.train;
  const { operator, threshold, metric } = trigger.condition;
  const { value, fresh } = view.own.waiting;
  const is = `${metric} is ${value ?? 'not known yet'}, must be ${operator} ${threshold}`;
  if (view.own.waiting.windowOpen === false && trigger.timer !== undefined) {
    const { start, end, timeZone = 'UTC' } = trigger.timer;
    return { reason: 'WindowClosed', message: `the window ${start}-${end} ${timeZone} is closed; ${is}` };
  }
  if (fresh === 0) return { reason: 'NoNewSamples', message: `no new sample in dataset ${fields.dataset}; ${is}` };
  if (view.own.beyond !== undefined) {
    const message = `needs more samples than the failed round had (${view.own.beyond})`;
    return { reason: 'ThresholdNotReached', message };
  }
  const found = fresh === undefined ? '' : ` (${fresh} new, trainProb ${fields.trainProb})`;
  return { reason: 'ThresholdNotReached', message: `${is}${found}; sedna trigger starts a round now` };
}

/** The cause of a failed round, and what the next one waits for. */
function failedRound(view: JobView): Problem | undefined {
  const { suspended, round } = view.own;
  if (suspended?.problem === undefined) return undefined;
  const { reason, message } = suspended.problem;
  const next = triggerReason(view).message;
  return { reason, message: `${suspended.stage} of round ${round} failed: ${message}; the next round: ${next}` };
}

function servingProblem(view: JobView): Problem | undefined {
  const { own, operations } = view;
  const problem = operations.problem('serve') ?? own.serving?.problem;
  if (problem === undefined || own.serving === undefined) return problem;
  // What the node said of itself when it registered is the cause of what its worker met.
  const node = silentNode(view, [own.serving.node]);
  return node?.reason === 'BlobStoreUnreachable' ? node : problem;
}

function progress(own: IncrementalState, generation: number, waiting: Problem | undefined): Verdict {
  if (own.current === undefined)
    return { status: false, reason: waiting?.reason ?? 'Waiting', ...(waiting ? { message: waiting.message } : {}) };
  if (waiting?.reason === 'WaitingForSlot') return { status: true, ...waiting };
  const { plan, stage, retrying } = own.current;
  const edited = generation === 1 ? '' : `; edits take effect at the next round`;
  const attempt = retrying === undefined ? '' : `; ${retrying.message}`;
  return {
    status: true,
    reason: phases[stage],
    message: `round ${plan.round}, ${plan.take.trainSamples} samples${attempt}${edited}`,
  };
}

function availability(view: JobView, problem: Problem | undefined): Verdict {
  const { serving } = view.own;
  const failed = servingProblem(view);
  if (serving?.state === 'ready' && failed === undefined) {
    const where = serving.endpoints.map((endpoint) => endpoint.url).join(', ');
    const unheard = silentNode(view, [serving.node]) === undefined ? '' : ', when it was last heard of';
    return {
      status: true,
      reason: 'Serving',
      message: `${serving.worker} on ${serving.node}${where === '' ? '' : ` at ${where}`}${unheard}`,
    };
  }
  const why = failed ?? problem;
  if (why !== undefined) return { status: false, ...why };
  return { status: false, reason: 'InferenceStarting', message: 'the inference worker is not ready yet' };
}

function degradation(view: JobView, problem: Problem | undefined): Problem | undefined {
  const { own } = view;
  const failed = own.suspended?.problem;
  if (failed !== undefined) {
    return {
      reason: failed.reason,
      message: `${own.suspended?.stage} of round ${own.round} failed: ${failed.message}`,
    };
  }
  return problem ?? servingProblem(view) ?? own.waiting.problem;
}

function suspension(own: IncrementalState): Verdict | undefined {
  if (own.mode === 'run') return undefined;
  return { status: true, reason: own.mode === 'pause' ? 'Paused' : 'Stopped' };
}
