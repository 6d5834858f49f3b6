/** How the clients of a large round are divided among workflows, and what these tell at a time. Pure. */
import type { TrainClientResult } from '../../../activities/contracts.ts';
import type { Invitation } from './inviting.ts';
import type { Trainer } from './trainers.ts';

/** Part of a run's input, so that a release with others leaves runs that are under way alone. */
export interface CohortLimits {
  /** Clients at work that the run asks itself. */
  alone: number;
  /** Most clients of a cohort. */
  size: number;
}

/**
 * A workflow may have 2,000 activities pending, and the commands of one of its tasks may be 4 MB: that of a client is about 2 KB. The server goes through
 * what is pending at each change, so that a client of a large workflow costs more than one of a small one: of 2,000 clients in cohorts of 500 the
 * server's CPU was 1.6 times that of cohorts of 125 (ADR 27).
 */
export const cohortLimits: CohortLimits = { alone: 1_000, size: 200 };

/** Pending child workflows may be 2,000; each tells as rarely as there are others. */
export const cohortsAtOnce = 200;

/** Times that clients of a cohort that somebody ended are asked anew. */
export const cohortLives = 3;

/** Of JSON, in characters: even of three bytes each they stay below the 2 MiB that a signal may have. */
export const batchCharacters = 512 * 1024;

/** What the run hears in a second from all cohorts together. */
const batchesPerSecond = 10;
const tellEveryMs = 200;

export interface CohortInput {
  invitation: Invitation;
  trainers: Trainer[];
  /** Least time between two batches. */
  tellEveryMs: number;
}

export interface Answer {
  client: string;
  result: TrainClientResult;
}

/** Signalled to the run. */
export interface AnswerBatch {
  /** Of Temporal, the first of the cohort's runs: what one says that was given up is of no interest. */
  cohort: string;
  answers: Answer[];
}

/** Its last words. */
export interface CohortOutcome {
  answers: Answer[];
}

/** As few as possible, in order, of nearly the same size: no client waits in a long cohort while a short one is done. */
export function divide<T>(clients: T[], { size }: CohortLimits): T[][] {
  const count = Math.ceil(clients.length / size);
  return Array.from({ length: count }, (_, index) =>
    clients.slice(Math.round((index * clients.length) / count), Math.round(((index + 1) * clients.length) / count)),
  );
}

/** How often each of so many cohorts may tell. */
export function paceOf(cohorts: number): number {
  return Math.max(tellEveryMs, (cohorts * 1_000) / batchesPerSecond);
}

/** As many of the first answers as fit, at least one: what was small enough for the answer of an activity is so for a signal. */
export function firstBatch(answers: Answer[], characters = batchCharacters): Answer[] {
  let sum = 0;
  const end = answers.findIndex((answer) => (sum += JSON.stringify(answer).length) > characters);
  return answers.slice(0, end < 0 ? undefined : Math.max(1, end));
}
