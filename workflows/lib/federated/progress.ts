/** How a federated job's own state follows its run. */
import type { AggregatorNews, ClientNews } from '../../../activities/contracts.ts';
import type { Problem } from '../failures.ts';
import { maxConditions } from '../status.ts';
import type { FederatedState } from './job-state.ts';
import type { FederatedView } from './situation.ts';
import { keptRounds, type LateRefusal, type RoundRecord, type RunEnd, type RunNews, type RunOutcome } from './state.ts';

export function newsOfRun(view: FederatedView, news: RunNews): void {
  const { own } = view;
  const known = own.news;
  if (news.epoch !== own.epoch || (known?.run === news.run && news.sequence <= known.sequence)) return;
  own.news = news;
  const { records = [], initial, aggregator } = news;
  if (initial !== undefined && own.run.initial === undefined) own.run = { ...own.run, initial };
  // A reset, or the end of a run that somebody terminated, goes on from here.
  if (aggregator !== own.run.aggregator) own.run = { ...own.run, aggregator };
  for (const record of records) if (record.round > finished(own)) finish(view, record);
  if (own.aggregator !== undefined && isOver(news, own.aggregator.round, finished(own))) own.aggregator = undefined;
  warnOfLate(view, news, known?.refusedLate);
  warn(view, news, known?.round === news.round ? known : undefined);
}

/** What the node that aggregates was at: round 0 is over when the first one has begun. */
function isOver({ round: underWay }: RunNews, round: number, last: number): boolean {
  return round === 0 ? underWay > 0 : last >= round;
}

/** The last round that has finished. */
function finished({ run }: FederatedState): number {
  return run.records.at(-1)?.round ?? 0;
}

function finish(view: FederatedView, record: RoundRecord): void {
  const { own } = view;
  // As the original says it, for each round once.
  note(view, 'Training', { reason: 'DoTraining', message: `Round ${record.round} reaches at ${record.time}` });
  if (record.unjudged !== undefined) view.emit({ type: 'Warning', ...record.unjudged });
  // What the run began with has been counted, or given up.
  const { late: _, buffer: __, ...run } = own.run;
  own.run = { ...run, records: [...run.records, record].slice(-keptRounds) };
}

function warnOfLate(view: FederatedView, { refusedLate = [] }: RunNews, known: LateRefusal[] = []): void {
  for (const { client, round, problem } of refusedLate) {
    if (known.some((entry) => entry.client === client && entry.round === round)) continue;
    const message = `round ${round}: client ${client}, after the round: ${problem.message}`;
    view.emit({ type: 'Warning', reason: problem.reason, message });
  }
}

/** Events for what is new: refusals, and a quorum that was lost. */
function warn(view: FederatedView, news: RunNews, known: RunNews | undefined): void {
  const { round, refused, waitingFor } = news;
  const before = new Set(known?.refused.map(({ client }) => client));
  for (const { client, problem } of refused) {
    if (before.has(client)) continue;
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

export function newsOfClient({ own }: FederatedView, news: ClientNews): void {
  own.clients = { ...own.clients, [news.client]: news };
}

export function newsOfAggregator(view: FederatedView, news: AggregatorNews): void {
  const { own } = view;
  const { round, problem, generation = Infinity } = news;
  if (generation < (own.aggregatorSince ?? 0)) return;
  if ((round > 0 && round <= finished(own)) || own.ended !== undefined) return;
  const known = own.aggregator?.round === round ? own.aggregator.problem : undefined;
  if (problem !== undefined && known?.reason !== problem.reason) {
    view.emit({ type: 'Warning', reason: problem.reason, message: said(round, problem.message) });
  }
  own.aggregator = news;
}

/** Why the round under way is not aggregated, or (round 0) there is no model to begin with. */
export function aggregatorProblem({ news, aggregator }: FederatedState): Problem | undefined {
  const isBefore =
    news === undefined || (news.round === 0 && (news.stage === 'Waiting' || news.waitingFor === undefined));
  const round = isBefore ? 0 : news.stage === 'Aggregating' ? news.round : undefined;
  if (round === undefined || aggregator?.round !== round || aggregator.problem === undefined) return undefined;
  return sayAgain(round, aggregator.problem);
}

function sayAgain(round: number, { reason, message }: Problem): Problem {
  return {
    reason,
    message: `${said(round, message)}; it is tried again${round === 0 ? '' : ' from the accepted updates'}`,
  };
}

function said(round: number, message: string): string {
  return round === 0 ? `first global model: ${message}` : `round ${round}: ${message}`;
}

export function endOfRun(view: FederatedView, { epoch, attempt, outcome }: RunEnd): void {
  if (epoch === view.own.epoch) end(view, attempt, outcome);
}

/** `attempt`: what is told twice, or of a run before, changes nothing. */
export function end(view: FederatedView, attempt: number, outcome: RunOutcome): void {
  const { own } = view;
  if (attempt < own.resumes) return;
  const { state, ...ended } = outcome;
  own.run = state;
  own.ended = ended;
  own.started = false;
  own.resumes = attempt + 1;
  own.clients = {};
  own.aggregator = undefined;
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

/** Of a run that somebody terminated: what is known is what it has told. */
export function lost(own: FederatedState, message: string): RunOutcome {
  return {
    kind: 'failed',
    state: own.run,
    problem: { reason: 'RoundEnded', message: `the rounds were ended: ${message}` },
  };
}
