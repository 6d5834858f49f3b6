/**
 * One round: invite → collect with quorum and deadline → aggregate. A step of the run, not a workflow of its own.
 * Whoever dies in it, activities find again what was accepted: an update is a blob before it counts.
 */
import { CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import type { AggregateResult, TrainClientResult } from '../../../activities/contracts.ts';
import { edge, resident } from '../activities.ts';
import { problemOf } from '../problems.ts';
import { verdictOn } from './quorum.ts';
import { settingsOf, weightedMetrics } from './settings.ts';
import type { OpenRound, RoundRecord } from './state.ts';
import { isPresent, taskFor, type RunPlace } from './trainers.ts';

/** What a round starts from. */
export interface RoundStart extends RunPlace {
  model: Pick<RoundRecord, 'weights' | 'file' | 'state'>;
}

export interface Collecting {
  /** Called whenever status has something new to say. */
  changed: () => void;
  isStopped: () => boolean;
}

/**
 * Collects until the round may close, or somebody stops the job (false): then the same round is opened again some day, and
 * accepted updates are found again where they were made. A refused client whose refusal was taken back (`retry`) is asked again.
 */
export async function collect(
  start: RoundStart,
  round: OpenRound,
  { changed, isStopped }: Collecting,
): Promise<boolean> {
  const { rounds } = start.plan.fields;
  const asked = new Map<string, CancellationScope>();
  let broken: Error | undefined;
  const unasked = (): string[] => {
    const answered = [...round.accepted, ...round.refused].map(({ client }) => client);
    return round.selected.filter((client) => !asked.has(client) && !answered.includes(client));
  };
  const ask = (client: string): void => {
    const scope = new CancellationScope();
    asked.set(client, scope);
    void scope
      .run(() => invite(start, round, client, changed))
      .catch((error: unknown) => {
        if (!isCancellation(error)) broken = error as Error;
      })
      .then(() => asked.delete(client));
  };
  const closes = (): boolean => verdictOn(round, rounds, Date.now()) === 'close';
  const wake = (): boolean => broken !== undefined || isStopped() || closes() || unasked().length > 0;
  try {
    for (;;) {
      if (broken !== undefined) throw broken;
      if (closes()) return true;
      if (isStopped()) return false;
      unasked().forEach(ask);
      const rest = (round.deadlineAt ?? 0) - Date.now();
      // After the deadline, or without one, there is no bound: the quorum is met some day, or a person stops the job.
      if (rest <= 0) await condition(wake);
      else if (!(await condition(wake, rest))) changed();
    }
  } finally {
    for (const scope of asked.values()) scope.cancel();
  }
}

/** Asks one client until it has answered. Its worker dying is retried by Temporal; a refusal is an answer. */
async function invite(start: RoundStart, round: OpenRound, client: string, changed: () => void): Promise<void> {
  const place = start.plan.clients.find((known) => known.client === client);
  if (!isPresent(place)) return;
  const { node } = place.place;
  const { fields } = start.plan;
  let result: TrainClientResult;
  try {
    result = await resident(node, `round ${round.round} · client ${client} on ${node}`).trainClient({
      ...taskFor(start, place, round.round),
      task: 'Train',
      weights: start.model.weights,
      settings: settingsOf(fields, round.round),
      evaluate: fields.evaluation.where === 'Clients' && (round.round - 1) % fields.evaluation.every === 0,
    });
  } catch (error) {
    if (isCancellation(error)) throw error;
    result = { refused: problemOf(error), client, node };
  }
  if ('accepted' in result) round.accepted = [...round.accepted, result.accepted];
  else round.refused = [...round.refused, { client, problem: result.refused }];
  changed();
}

/** The closed round as it is kept. Sums in client order, whatever the order of arrival, so that a round repeated is the same. */
export async function aggregate(start: RoundStart, round: OpenRound): Promise<RoundRecord> {
  const { owner, plan, model } = start;
  const { aggregation, evaluation } = plan.fields;
  const updates = [...round.accepted].sort((a, b) => (a.client < b.client ? -1 : 1));
  const { strategy, parameters } = aggregation;
  const summary = `round ${round.round} · ${strategy} of ${updates.length} updates on ${plan.aggregator}`;
  const result: AggregateResult = await edge(plan.aggregator, summary).aggregate({
    owner,
    round: round.round,
    strategy: { name: strategy, parameters },
    weights: model.weights,
    updates,
    ...(model.state === undefined ? {} : { state: model.state }),
    ...(model.file === undefined ? {} : { file: model.file }),
  });
  const judged = updates.flatMap(({ samples, evaluation: metrics }) => (metrics ? [{ samples, metrics }] : []));
  return {
    round: round.round,
    generation: round.generation,
    clients: updates.map(({ client }) => client),
    samples: updates.reduce((sum, { samples }) => sum + samples, 0),
    weights: result.weights,
    ...(result.state === undefined ? {} : { state: result.state }),
    ...(result.file === undefined ? {} : { file: result.file }),
    metrics: { ...weightedMetrics(judged, evaluation.metrics), ...result.metrics },
    seconds: (Date.now() - round.startedAt) / 1000,
    time: new Date().toISOString(),
  };
}
