/** From what a federated job knows to what a person reads. Pure. */
import type { ClientNews } from '../../../activities/contracts.ts';
import type { FederatedLearningJobFields } from '../../../crds/fields.ts';
import type { Problem } from '../failures.ts';
import type { StatusDraft, Verdict, Wait } from '../status.ts';
import { nodeProblem } from '../../node.ts';
import type { FederatedState } from './job-state.ts';
import { bufferMeaning, bufferOf } from './buffer.ts';
import { listed } from './listing.ts';
import { isMistNet, mistNetMeaning } from './mist-net.ts';
import { aggregatorProblem } from './progress.ts';
import { mostPerRound, quorumOf } from './quorum.ts';
import { finiteMetrics } from './settings.ts';
import { aggregatorNode, assess, places, type FederatedView } from './situation.ts';
import { unknownMetrics } from './stopping.ts';
import type { ClientPlace, RoundRecord, RunNews } from './state.ts';
import { isWorker, workerMeaning } from './user-aggregator.ts';

/** A FederatedLearningJob is Available once its last round is published. */
export function federatedStatus(view: FederatedView): StatusDraft {
  const { own, desired } = view;
  const { rounds } = desired.fields;
  const clients = places(view);
  const waiting = waitingFor(view, clients);
  const degraded = degradation(view, clients);
  const last = own.run.records.at(-1);
  const unknown = unknownMetrics(rounds, own.run.records);
  const underWay = own.ended === undefined ? own.news?.round : undefined;
  const round = underWay ?? last?.round ?? 0;
  const states = clientStates(own, clients);
  return {
    phase: phaseOf(own),
    ...(waiting === undefined ? {} : { waitingFor: waiting }),
    progressing: progress(own, waiting),
    available: availability(own),
    ...(degraded === undefined ? {} : { degraded: { status: true, ...degraded } }),
    ...suspension(own),
    stages: own.conditions,
    fields: {
      startTime: own.startTime,
      ...(own.completionTime === undefined ? {} : { completionTime: own.completionTime }),
      round: `${round}/${rounds.total}`,
      stage: own.ended === undefined ? (own.news?.stage ?? 'Starting') : null,
      epoch: own.epoch,
      quorum: quorum(desired.fields, own.news, clients.length),
      clients: states,
      active: states.filter(({ state }) => working.has(state)).length,
      succeeded: own.ended?.kind === 'completed' ? clients.length : 0,
      failed: own.ended?.kind === 'failed' ? clients.length : 0,
      strategy: desired.fields.aggregation.strategy,
      ...(bufferOf(desired.fields) === undefined ? {} : { buffer: bufferMeaning }),
      ...(isMistNet(desired.fields) ? { privacy: mistNetMeaning } : {}),
      aggregator: isWorker(desired.fields) ? workerMeaning(aggregatorNode(view)) : notRun,
      ...(desired.fields.transmitter === 's3'
        ? { transmitter: 's3 is accepted and works like ws: updates travel as blobs' }
        : {}),
      ...refusalsOf(own),
      ...(unknown === undefined ? {} : { unknownMetrics: unknown }),
      ...(last === undefined ? {} : { lastRound: summaryOf(last) }),
      rounds: own.run.records.slice(-10).map(summaryOf),
      ...own.recalled,
    },
  };
}

/** A word that came when all was done holds nothing back. */
function suspension({ mode, ended }: FederatedState): Pick<StatusDraft, 'suspended'> {
  if (mode === 'run' || ended?.kind === 'completed') return {};
  return { suspended: { status: true, reason: mode === 'pause' ? 'Paused' : 'Stopped' } };
}

const notRun = 'the image of the aggregation worker is not run: the rounds are aggregated by the strategy';

/** Updates that were refused so far, by reason. */
function refusalsOf({ news, run }: FederatedState): Record<string, unknown> {
  const refusals = news?.refusals ?? run.refusals;
  return refusals === undefined ? {} : { refusals };
}

function quorum(fields: FederatedLearningJobFields, news: RunNews | undefined, clients: number): string {
  const updates = quorumOf(news?.selected.length ?? mostPerRound(clients, fields), fields.rounds);
  const need = news?.buffer?.size ?? bufferOf(fields)?.size ?? Math.max(updates, news?.minUpdates ?? 1);
  return `${counted(news)}/${need}`;
}

function counted(news: RunNews | undefined): number {
  return (news?.accepted.length ?? 0) + (news?.credited?.length ?? 0);
}

const working: ReadonlySet<string> = new Set(['Starting', 'Training', 'Retrying', 'Invited', 'Late']);

function summaryOf(of: RoundRecord): Record<string, unknown> {
  const { clients, weights, metrics, credited, staleness, discarded, refusedLate, encoded, unjudged, ...record } = of;
  // Records of an earlier release may have what is no number.
  const digits = Object.entries(finiteMetrics(metrics)).map(
    ([name, value]) => [name, Number(value.toPrecision(6))] as const,
  );
  const { round, samples, seconds, time } = record;
  const said = digits.map(([name, value]) => `, ${name} ${value}`).join('');
  const late = (credited ?? []).map((entry) => `, client ${entry.client} with its update of round ${entry.round}`);
  const given = (discarded ?? []).map((entry) => `, task of client ${entry.client} of round ${entry.round} given up`);
  const refused = (refusedLate ?? []).map(
    ({ client, round, reason }) => `, update of client ${client} of round ${round} refused (${reason})`,
  );
  const bits = encoded === undefined ? '' : `, features at "${encoded.layer}" with ε ${encoded.epsilon} for each value`;
  const buffered = staleness === undefined ? '' : `${staleness.length} updates ${behind(staleness)} of `;
  return {
    round,
    clients: clients.length,
    ...(credited === undefined ? {} : { credited }),
    ...(staleness === undefined ? {} : { updates: staleness.length, staleness }),
    ...(discarded === undefined ? {} : { discarded }),
    ...(refusedLate === undefined ? {} : { refusedLate }),
    ...(encoded === undefined ? {} : { encoded }),
    samples,
    digest: weights.sha256,
    metrics: Object.fromEntries(digits),
    seconds,
    time,
    message: `${buffered}${clients.length} clients${late.join('')}${given.join('')}${refused.join('')}${bits}, ${samples} samples${said}${unjudged === undefined ? '' : `; not judged: ${unjudged.message}`}`,
  };
}

function behind(staleness: number[]): string {
  const most = Math.max(...staleness);
  return most === 0 ? 'from the newest weights' : `from weights up to ${most} rounds old`;
}

interface ClientState extends Partial<Problem> {
  client: string;
  dataset: string;
  node?: string;
  state: string;
}

/** What the news say of each client: looked up, since there may be thousands. */
function lookup({ news }: FederatedState) {
  return {
    accepted: new Set(news?.accepted),
    selected: new Set(news?.selected),
    refused: new Map(news?.refused.map((entry) => [entry.client, entry])),
    asked: new Map(news?.buffer?.atWork.map((entry) => [entry.client, entry])),
    late: new Map(news?.late?.map((entry) => [entry.client, entry])),
  };
}

function clientStates(own: FederatedState, clients: ClientPlace[]): ClientState[] {
  const told = lookup(own);
  return clients.map((place) => clientState(own, told, place));
}

function clientState(
  own: FederatedState,
  { accepted, selected, ...of }: ReturnType<typeof lookup>,
  { client, dataset, place, problem }: ClientPlace,
): ClientState {
  const { news } = own;
  const where = { client, dataset, ...(place === undefined ? {} : { node: place.node }) };
  if (problem !== undefined || place === undefined) {
    return {
      ...where,
      state: 'Absent',
      ...(problem === undefined ? {} : { reason: problem.reason, message: problem.message }),
    };
  }
  const refused = of.refused.get(client);
  if (refused !== undefined) return { ...where, state: 'Refused', ...refused.problem };
  if (news === undefined || own.ended !== undefined) return { ...where, state: 'Idle' };
  const told = own.clients[client];
  const asked = of.asked.get(client);
  if (asked !== undefined) {
    const message = asked.round === news.round ? {} : { message: `is at its task of round ${asked.round}` };
    return { ...where, ...message, ...workOf(told, asked.round) };
  }
  const late = of.late.get(client);
  if (late !== undefined) {
    return { ...where, state: 'Late', message: `is still at its task of round ${late.round}` };
  }
  if (news.stage === 'Waiting') return { ...where, state: 'Idle' };
  if (accepted.has(client)) return { ...where, state: 'Accepted' };
  if (!selected.has(client)) return { ...where, state: 'Idle' };
  return { ...where, ...workOf(told, news.round) };
}

/** What the node of a client has told of its task of a round. */
function workOf(told: ClientNews | undefined, round: number): { state: string } & Partial<Problem> {
  if (told === undefined || told.round !== round) return { state: 'Invited' };
  return { state: told.state, ...told.problem };
}

/** Sedna's phases, and two of our own for what a person asked. */
function phaseOf({ ended, mode, news }: FederatedState): string {
  if (ended?.kind === 'completed') return 'Succeeded';
  if (ended?.kind === 'failed') return 'Failed';
  if (mode === 'stop') return 'Stopped';
  if (mode === 'pause') return 'Paused';
  return news === undefined ? 'Pending' : 'Running';
}

function waitingFor(view: FederatedView, clients: ClientPlace[]): Wait | undefined {
  const { own } = view;
  if (own.ended?.kind === 'completed') return undefined;
  if (own.ended?.kind === 'failed') return own.ended.problem;
  if (own.mode === 'pause') {
    return { reason: 'Paused', message: 'somebody paused it; the round under way may finish; sedna resume goes on' };
  }
  if (own.mode === 'stop')
    return { reason: 'Stopped', message: 'somebody stopped it; sedna resume goes on with the next round' };
  const { plan, problem } = assess(view);
  if (own.news === undefined) {
    if (problem !== undefined) return problem;
    if (plan === undefined) return { reason: 'Starting', message: 'asks for its Datasets, Models and nodes' };
  }
  const failed = view.operations.problem('run');
  if (failed !== undefined) return failed;
  return waitingRun(view, clients);
}

/** Why what runs on a node beside the clients is not done: the node is away, or tries again. */
export function hinders(view: FederatedView): Problem | undefined {
  const { news } = view.own;
  if (news?.stage !== 'Aggregating' && news?.stage !== 'Evaluating') return undefined;
  const { plan } = assess(view);
  const node = news.node ?? (news.stage === 'Evaluating' ? plan?.test?.node : plan?.aggregator);
  return (node === undefined ? undefined : nodeProblem(view, node)) ?? aggregatorProblem(view.own);
}

/** What the run waits for; a node that is away is the better reason where it is the cause. */
function waitingRun(view: FederatedView, clients: ClientPlace[]): Wait | undefined {
  const { news } = view.own;
  const waiting = news?.waitingFor;
  if (news?.stage === 'Aggregating' || news?.stage === 'Evaluating') return hinders(view);
  const node = assess(view).plan?.aggregator;
  const away = node === undefined ? undefined : nodeProblem(view, node);
  const hindered = aggregatorProblem(view.own);
  if (news === undefined) return away ?? hindered ?? { reason: 'Starting', message: 'the run starts' };
  if (hindered !== undefined) return away ?? hindered;
  // Between two rounds the next one begins on that node.
  if (waiting === undefined && (news.stage === 'Waiting' || news.stage === 'Starting')) return away;
  if (waiting === undefined || waiting.reason !== 'Collecting') return waiting;
  const missing = new Set(waiting.missing);
  const silent = clients
    .filter(({ client }) => missing.has(client))
    .flatMap(({ client, place }) => {
      const problem = place === undefined ? undefined : nodeProblem(view, place.node);
      return problem === undefined ? [] : [`client ${client}: ${problem.message}`];
    });
  if (silent.length > 0)
    return { ...waiting, reason: 'NodeSilent', message: `${waiting.message}; ${listed(silent, '; ')}` };
  const full = clientsOnFullDisks(view, clients);
  return full === undefined
    ? waiting
    : { ...waiting, reason: full.reason, message: `${waiting.message}; ${full.message}` };
}

/** Clients that try again and again, because their nodes have no room for what they need. */
function clientsOnFullDisks({ own }: FederatedView, clients: ClientPlace[]): Problem | undefined {
  if (own.news?.waitingFor?.reason !== 'Collecting') return undefined;
  const full = clientStates(own, clients).flatMap(({ client, state, node, reason, message }) => {
    if (state !== 'Retrying' || reason !== 'DiskFull') return [];
    return [`client ${client} on ${node ?? ''}: ${message ?? ''}; it is tried again until there is room`];
  });
  return full.length === 0 ? undefined : { reason: 'DiskFull', message: listed(full, '; ') };
}

function progress(own: FederatedState, waiting: Problem | undefined): Verdict {
  const { news, ended } = own;
  if (ended !== undefined) return { status: false, reason: endings[ended.kind] };
  if (news === undefined) return { status: false, reason: waiting?.reason ?? 'Starting', message: waiting?.message };
  const of = news.buffer?.size ?? news.selected.length;
  if (news.stage === 'Starting') return { status: own.mode === 'run', reason: news.stage, message: waiting?.message };
  const message = `round ${news.round}: ${news.accepted.length} of ${of} updates accepted`;
  return { status: own.mode === 'run', reason: news.stage, message };
}

const endings = { completed: 'Completed', stopped: 'Stopped', failed: 'Failed' };

function availability({ ended }: FederatedState): Verdict {
  if (ended?.kind === 'completed') return { status: true, reason: 'Completed', message: ended.message };
  return { status: false, reason: ended?.kind === 'failed' ? ended.problem.reason : 'NotCompleted' };
}

function degradation(view: FederatedView, clients: ClientPlace[]): Problem | undefined {
  const { own } = view;
  if (own.ended?.kind === 'failed') return own.ended.problem;
  if (own.ended?.kind === 'completed') return undefined;
  const waiting = own.news?.waitingFor;
  if (waiting !== undefined && waiting.reason !== 'Collecting')
    return { reason: waiting.reason, message: waiting.message };
  const hindered = aggregatorProblem(own) ?? clientsOnFullDisks(view, clients);
  if (hindered !== undefined) return hindered;
  const refused = own.news?.refused[0];
  if (refused === undefined) return assess(view).problem ?? own.run.records.at(-1)?.unjudged;
  return { reason: refused.problem.reason, message: `client ${refused.client}: ${refused.problem.message}` };
}
