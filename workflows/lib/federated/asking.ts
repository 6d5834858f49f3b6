/**
 * Asks clients: some by the run itself, more through cohorts. Whoever is asked answers once: what is told twice changes nothing, and clients whose cohort
 * somebody ended without their answer are asked again from here, by the run itself or by new cohorts. So often that `cohortLives` cohorts of a client
 * have been ended; then it counts as refused, and the round does not hang. What nodes do is retried by Temporal.
 */
import { CancellationScope, CancelledFailure, defineSignal, log } from '@temporalio/workflow';
import type { TrainClientResult } from '../../../activities/contracts.ts';
import { onSignal } from '../heeding.ts';
import { problemOf } from '../problems.ts';
import { attend } from './attending.ts';
import {
  cohortLives,
  cohortsAtOnce,
  divide,
  paceOf,
  type Answer,
  type AnswerBatch,
  type CohortLimits,
} from './cohorts.ts';
import { askClient, type Invitation } from './inviting.ts';
import type { Trainer } from './trainers.ts';

const answersSignal = defineSignal<[AnswerBatch]>('answers');

/** A client that has been asked. `answer` rejects with a cancellation after `cancel`, and where the run itself is cancelled. */
export interface Asked {
  client: string;
  answer: Promise<TrainClientResult>;
  cancel: () => void;
}

/** One that a cohort asks. */
interface Member {
  trainer: Trainer;
  /** Cohorts that were ended with it. */
  lost: number;
  settle: (result: TrainClientResult) => void;
  fail: (error: unknown) => void;
  /** Nobody waits for it any more. */
  leave: () => void;
}

type Members = Map<string, Member>;

export class Asking {
  readonly #limits: CohortLimits;
  /** At work, asked by the run itself. */
  #alone = 0;
  #cohorts = 0;
  /** By Temporal's id of the cohort's run. */
  readonly #members = new Map<string, Members>();
  /** Cohorts that a round has had. */
  readonly #numbers = new Map<number, number>();

  constructor(limits: CohortLimits) {
    this.#limits = limits;
    onSignal(answersSignal, 'Of a cohort: what its clients have answered', ({ cohort, answers }) =>
      hear(this.#members.get(cohort), answers),
    );
  }

  /** How many of so many clients may be asked now; the others when some have answered. */
  room(clients: number): number {
    const rest = Math.max(0, this.#limits.alone - this.#alone);
    return clients <= rest || this.#cohorts < cohortsAtOnce ? clients : rest;
  }

  /** All at once. */
  ask(invitation: Invitation, trainers: Trainer[]): Asked[] {
    if (this.#alone + trainers.length <= this.#limits.alone) {
      return trainers.map((trainer) => this.#askAlone(invitation, trainer));
    }
    const members: Member[] = [];
    const asked = trainers.map((trainer): Asked => {
      const answer = new Promise<TrainClientResult>((settle, fail) =>
        members.push({ trainer, lost: 0, settle, fail, leave: () => undefined }),
      );
      const member = members.at(-1) as Member;
      return { client: trainer.client, answer, cancel: () => member.leave() };
    });
    this.#begin(invitation, members);
    return asked;
  }

  #askAlone(invitation: Invitation, trainer: Trainer): Asked {
    const scope = new CancellationScope();
    this.#alone += 1;
    const answer = scope.run(() => askClient(invitation, trainer));
    const done = (): void => void (this.#alone -= 1);
    void answer.then(done, done);
    return { client: trainer.client, answer, cancel: () => scope.cancel() };
  }

  #begin(invitation: Invitation, members: Member[]): void {
    const cohorts = divide(members, this.#limits);
    const pace = paceOf(this.#cohorts + cohorts.length);
    for (const those of cohorts) this.#beginOne(invitation, those, pace);
  }

  #beginOne(invitation: Invitation, members: Member[], tellEveryMs: number): void {
    const { round } = invitation;
    const index = this.#numbers.get(round) ?? 0;
    this.#numbers.set(round, index + 1);
    this.#cohorts += 1;
    const scope = new CancellationScope();
    const open: Members = new Map(members.map((member) => [member.trainer.client, member]));
    for (const member of members) {
      member.leave = () => {
        open.delete(member.trainer.client);
        member.fail(new CancelledFailure('nobody waits for it'));
        if (open.size === 0) scope.cancel();
      };
    }
    const trainers = members.map(({ trainer }) => trainer);
    const cohort = { index, input: { invitation: { ...invitation, quiet: true as const }, trainers, tellEveryMs } };
    const on = {
      begun: (run: string): void => void this.#members.set(run, open),
      ended: (run: string): void => void this.#members.delete(run),
    };
    void scope
      .run(() => attend(cohort, on))
      .then((answers) => hear(open, answers))
      .catch((error: unknown) => {
        if (scope.consideredCancelled) for (const member of open.values()) member.fail(error);
        else log.warn('a cohort was ended', { round, index, why: problemOf(error).message });
      })
      .then(() => {
        this.#cohorts -= 1;
        if (!scope.consideredCancelled) this.#again(invitation, [...open.values()]);
      });
  }

  /** Their cohort has ended without an answer of theirs. */
  #again(invitation: Invitation, members: Member[]): void {
    for (const member of members) member.lost += 1;
    const isLost = ({ lost }: Member): boolean => lost >= cohortLives;
    for (const { trainer, settle } of members.filter(isLost)) settle(lostOf(trainer));
    const others = members.filter((member) => !isLost(member));
    if (this.#alone + others.length > this.#limits.alone) return this.#begin(invitation, others);
    for (const member of others) {
      const { answer, cancel } = this.#askAlone(invitation, member.trainer);
      member.leave = cancel;
      answer.then(member.settle, member.fail);
    }
  }
}

/** Each client once: the first word counts. */
function hear(members: Members | undefined, answers: Answer[]): void {
  for (const { client, result } of answers) {
    const member = members?.get(client);
    members?.delete(client);
    member?.settle(result);
  }
}

function lostOf({ client, node }: Trainer): TrainClientResult {
  const message = `somebody ended ${cohortLives} of the workflows that asked it; sedna retry asks again`;
  return { refused: { reason: 'RoundEnded', message }, client, node };
}
