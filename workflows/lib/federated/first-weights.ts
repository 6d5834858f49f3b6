/**
 * The weights that a client begins with, where no file has any. One is asked, in client order; the next one too when that one has refused, or
 * has not answered for a while: its node may be away for days. Whoever answers first is the one.
 */
import { ApplicationFailure, CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import type { BlobRef, TrainClientResult } from '../../../activities/contracts.ts';
import { clientTask } from '../activities.ts';
import { problemOf } from '../problems.ts';
import { present } from './choosing.ts';
import { listed } from './listing.ts';
import type { Refusal, WaitingRun } from './state.ts';
import { commonOf, taskFor, trainerAt, type RunPlace, type Trainer } from './trainers.ts';

/** A trainer starts in less, and a node that is lost is known to be by then. */
export const patienceMs = 15_000;

export interface AskingFirst {
  /** The job as it is wanted now: clients that come meanwhile are asked as well. */
  place: () => RunPlace;
  isOver: () => boolean;
  /** Called whenever status has something new to say. */
  changed: (waiting: WaitingRun) => void;
}

/** Undefined once `isOver`. Throws where every client that is there has refused, with the reason of the first. */
export async function firstWeights({ place, isOver, changed }: AskingFirst): Promise<BlobRef | undefined> {
  const { plan } = place();
  const asked: string[] = [];
  const scope = new CancellationScope();
  const state: { refused: Refusal[]; weights?: BlobRef; broken?: Error } = { refused: [] };
  const next = (): Trainer | undefined =>
    present(place().plan)
      .filter((client) => !asked.includes(client))
      .map((client) => trainerAt(place().plan, client))
      .find((trainer) => trainer !== undefined);
  const ask = (trainer: Trainer): void => {
    asked.push(trainer.client);
    void scope
      .run(() => weightsOf({ ...place(), plan: { ...plan, clients: place().plan.clients } }, trainer))
      .then((result) => {
        if ('accepted' in result) state.weights ??= result.accepted.blob;
        else state.refused = [...state.refused, { client: trainer.client, problem: result.refused }];
      })
      .catch((error: Error) => {
        if (!isCancellation(error)) state.broken = error;
      });
  };
  try {
    for (;;) {
      const { weights, broken, refused } = state;
      if (broken !== undefined) throw broken;
      if (weights !== undefined) return weights;
      if (isOver()) return undefined;
      const trainer = next();
      if (trainer !== undefined) ask(trainer);
      else if (refused.length === asked.length) throw allRefused(refused);
      changed(waitingForFirst(asked, refused));
      const isNews = (): boolean =>
        state.weights !== undefined || state.broken !== undefined || state.refused !== refused || isOver();
      // Nobody else to ask: whoever comes is asked, and until then an answer has no bound.
      if (next() === undefined) await condition(() => isNews() || next() !== undefined);
      else await condition(isNews, patienceMs);
    }
  } finally {
    scope.cancel();
  }
}

async function weightsOf(run: RunPlace, trainer: Trainer): Promise<TrainClientResult> {
  const { client, node } = trainer;
  const task = taskFor(commonOf(run), trainer, 0);
  try {
    const asked = clientTask(node, `first weights from client ${client} on ${node}`);
    return await asked.trainClient({ ...task, task: 'Weights', settings: {}, evaluate: false });
  } catch (error) {
    if (isCancellation(error)) throw error;
    return { refused: problemOf(error), client, node };
  }
}

function waitingForFirst(asked: string[], refused: Refusal[]): WaitingRun {
  const missing = asked.filter((client) => refused.every((one) => one.client !== client));
  const refusals = refused.length === 0 ? '' : `; ${listed(refused.map(sayRefusal), '; ')}`;
  const message = `there is no file with weights to begin with: asks for those of client ${listed(missing, ', ')}${refusals}`;
  return { reason: 'Collecting', message, have: 0, need: 1, missing };
}

function sayRefusal({ client, problem }: Refusal): string {
  return `client ${client} was refused: ${problem.message}`;
}

function allRefused(refused: Refusal[]): ApplicationFailure {
  const [first] = refused;
  const type = first?.problem.reason ?? 'Error';
  const message = `no client hands over weights to begin with: ${listed(refused.map(sayRefusal), '; ')}`;
  return ApplicationFailure.create({ type, message, nonRetryable: true });
}
