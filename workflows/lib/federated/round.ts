/**
 * One round: invite → collect with quorum and deadline → aggregate. A step of the run, not a workflow of its own.
 * Whoever dies in it, activities find again what was accepted: an update is a blob before it counts.
 */
import { condition, isCancellation } from '@temporalio/workflow';
import type { AggregateResult, CountedUpdate, Encoding, TrainClientResult } from '../../../activities/contracts.ts';
import { edge } from '../activities.ts';
import type { Asked, Asking } from './asking.ts';
import type { Invitation } from './inviting.ts';
import { aggregatorListener } from './listeners.ts';
import type { LateTasks } from './late-tasks.ts';
import { atWork, countedUpdates, mayGoOn } from './late.ts';
import { bufferedUpdates } from './buffer.ts';
import { trainHead } from './mist-net.ts';
import { verdictOn } from './quorum.ts';
import { finiteMetrics, settingsOf, weightedMetrics } from './settings.ts';
import type { OpenRound, RoundRecord, RunPlan } from './state.ts';
import { commonOf, trainerAt, type RunPlace, type Trainer } from './trainers.ts';
import { aggregatorOf, isWorker } from './user-aggregator.ts';

/** What a round starts from. */
export interface RoundStart extends RunPlace {
  model: Pick<RoundRecord, 'weights' | 'file' | 'state' | 'stateOf'>;
  /** Clients hand over encoded features instead of weights. */
  encoding?: Encoding;
}

export interface Collecting {
  /** Called whenever status has something new to say. */
  changed: () => void;
  isStopped: () => boolean;
  asking: Asking;
  late: LateTasks;
}

/**
 * Collects until the round may close, or somebody stops the job (false): then the same round is opened again some day, and
 * accepted updates are found again where they were made. A refused client whose refusal was taken back (`retry`) is asked again.
 */
export async function collect(
  start: RoundStart,
  round: OpenRound,
  { changed, isStopped, asking, late }: Collecting,
): Promise<boolean> {
  const { plan } = start;
  const { rounds } = plan.fields;
  const invitation = invitationOf(start, round.round);
  const asked = new Map<string, Asked>();
  let isOpen = true;
  let broken: Error | undefined;
  const next = (): string[] => {
    const late = atWork(round.late);
    const answered = new Set([...round.accepted, ...round.refused, ...late].map(({ client }) => client));
    const waiting = round.selected.filter((client) => !asked.has(client) && !answered.has(client));
    return waiting.slice(0, asking.room(waiting.length));
  };
  const settle = (client: string, result: TrainClientResult): void => {
    if (!isOpen) return late.settle({ client, round: round.round }, result);
    if ('accepted' in result) round.accepted = [...round.accepted, result.accepted];
    else round.refused = [...round.refused, { client, problem: result.refused }];
    changed();
  };
  const ask = (clients: string[]): void => {
    for (const one of asking.ask(
      invitation,
      clients.map((client) => trainerOf(plan, client)),
    )) {
      const { client, answer } = one;
      asked.set(client, one);
      void answer
        .then((result) => settle(client, result))
        .catch((error: unknown) => {
          if (!isCancellation(error)) broken = error as Error;
        })
        .then(() => asked.delete(client));
    }
  };
  const closes = (): boolean => verdictOn(round, rounds, Date.now()) === 'close';
  const wake = (): boolean => broken !== undefined || isStopped() || closes() || next().length > 0;
  let hasClosed = false;
  try {
    for (;;) {
      if (broken !== undefined) throw broken;
      hasClosed = closes();
      if (hasClosed) return true;
      if (isStopped()) return false;
      ask(next());
      const rest = (round.deadlineAt ?? 0) - Date.now();
      // After the deadline, or without one, there is no bound: the quorum is met some day, or a person stops the job.
      if (rest <= 0) await condition(wake);
      else if (!(await condition(wake, rest))) changed();
    }
  } finally {
    isOpen = false;
    if (hasClosed) late.expire(round.round);
    for (const [client, one] of asked) {
      if (hasClosed && mayGoOn(plan, round.round)) late.keep(lateEntry(start, round, client), one);
      else one.cancel();
    }
  }
}

function lateEntry({ plan, model }: RoundStart, { round }: OpenRound, client: string) {
  const { dataset } = trainerOf(plan, client);
  return { client, dataset, round, base: model.weights, settings: settingsOf(plan.fields, round) };
}

function invitationOf(start: RoundStart, round: number): Invitation {
  const { plan, model, encoding } = start;
  const { weights } = model;
  const work: Invitation['work'] =
    encoding === undefined
      ? { task: 'Train', weights, settings: settingsOf(plan.fields, round), evaluate: isEvaluated(plan, round) }
      : { task: 'Encode', weights, encoding, settings: {}, evaluate: false };
  return { common: commonOf(start), round, work };
}

function trainerOf(plan: RunPlan, client: string): Trainer {
  const trainer = trainerAt(plan, client);
  if (trainer === undefined) throw new Error(`client ${client} has no place`); // Only those that have one are selected.
  return trainer;
}

/** Whether clients judge the weights that a round starts from. */
export function isEvaluated({ fields: { evaluation } }: RunPlan, round: number): boolean {
  return evaluation.where === 'Clients' && (round - 1) % evaluation.every === 0;
}

/** The closed round as it is kept. */
export async function aggregate(start: RoundStart, round: OpenRound): Promise<RoundRecord> {
  const { evaluation } = start.plan.fields;
  const { encoding } = start;
  const updates = round.buffer === undefined ? countedUpdates(round) : bufferedUpdates(round);
  const result: Made = await (encoding === undefined
    ? aggregated(start, round.round, updates)
    : trainHead(start, round.round, updates));
  // Late updates judged older weights.
  const judged = updates.flatMap(({ client, samples, evaluation: metrics, staleness = 0 }) =>
    metrics && staleness === 0 ? [{ client, samples, metrics }] : [],
  );
  const own = finiteMetrics(result.metrics);
  const theirs = weightedMetrics(judged, evaluation.metrics);
  const ofBefore = Object.keys(theirs).filter((name) => !Object.hasOwn(own, name));
  return {
    round: round.round,
    generation: round.generation,
    clients: [...new Set(updates.map(({ client }) => client))],
    ...madeOf(round, updates),
    ...(result.finished === true ? { finished: true } : {}),
    ...(encoding === undefined ? {} : { encoded: codeOf(encoding) }),
    samples: updates.reduce((sum, { samples }) => sum + samples, 0),
    weights: result.weights,
    ...(result.state === undefined ? {} : { state: result.state, stateOf: start.plan.fields.aggregation.strategy }),
    ...(result.file === undefined ? {} : { file: result.file }),
    metrics: { ...theirs, ...own },
    ...(ofBefore.length === 0 ? {} : { ofBefore }),
    seconds: (Date.now() - round.startedAt) / 1000,
    time: new Date().toISOString(),
  };
}

function aggregated(start: RoundStart, round: number, updates: CountedUpdate[]): Promise<Made> {
  const { owner, plan, model } = start;
  const { strategy, parameters } = plan.fields.aggregation;
  const summary = `round ${round} · ${strategy} of ${updates.length} updates on ${plan.aggregator}`;
  return edge(plan.aggregator, summary).aggregate({
    owner,
    round,
    strategy: { name: strategy, parameters },
    weights: model.weights,
    updates,
    listener: aggregatorListener(owner, plan),
    ...(model.state !== undefined && model.stateOf === strategy ? { state: model.state } : {}),
    ...(model.file === undefined ? {} : { file: model.file }),
    ...(isWorker(plan.fields) ? { aggregator: aggregatorOf(start, updates.length) } : {}),
  });
}

type Made = Pick<AggregateResult, 'weights' | 'state' | 'file' | 'metrics' | 'finished'>;

function codeOf({ layer, bits, epsilon }: Encoding): RoundRecord['encoded'] {
  return { layer, bits, epsilon };
}

/** What of its updates is of earlier rounds. */
function madeOf(round: OpenRound, updates: CountedUpdate[]): Pick<RoundRecord, 'credited' | 'staleness' | 'discarded'> {
  const { buffer, discarded } = round;
  if (buffer !== undefined) {
    return {
      staleness: updates.map(({ staleness = 0 }) => staleness),
      ...(discarded === undefined ? {} : { discarded }),
    };
  }
  const credited = updates.flatMap(({ client, staleness }) =>
    staleness === undefined ? [] : [{ client, round: round.round - staleness }],
  );
  return credited.length === 0 ? {} : { credited };
}
