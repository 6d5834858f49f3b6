/**
 * What Temporal tries again is no failure of a step: a full disk, a dataset that somebody is just writing, a model whose file is damaged. The
 * job is told, and the same step is tried again until there is room, or something to read.
 */
import { CancelledFailure, Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { StageHeldUp, Stage } from '../../../workflows/lib/incremental/state.ts';
import type { Problem } from '../../../workflows/lib/failures.ts';
import type { Listener } from '../../contracts.ts';
import { orDiskFull, problemOf } from '../../lib/failure.ts';
import type { EntitySignaller } from '../../lib/signaller.ts';
import { isSaidAgain } from './news.ts';

export interface RoundStep {
  listener: Listener | undefined;
  round: number;
  stage: string;
}

/** What is waited for, in the words of the job. */
const waits: Partial<Record<string, string>> = {
  DiskFull: 'until there is room',
  DatasetUnreadable: 'until it can be read',
  ModelUnreadable: 'until it can be read',
};

/** Attempts after which a failure without a name of these is no hiccup of a link or a disk. */
const patientAttempts = 4;

/**
 * What a job is to hear of a failure: nothing of one that ends the step, which it learns anyway, and of what is tried again ever more rarely,
 * so that a disk that stays full for days does not fill its history.
 */
export function worthTelling(failed: unknown): Problem | undefined {
  if (failed instanceof CancelledFailure || (failed instanceof ApplicationFailure && failed.nonRetryable === true))
    return undefined;
  const problem = problemOf(failed);
  const { attempt } = Context.current().info;
  return isSaidAgain(attempt) && (problem.reason in waits || attempt >= patientAttempts) ? problem : undefined;
}

/** Runs a step of a round, and tells the job what it is held up by. */
export async function heldUp<T>(
  signaller: EntitySignaller,
  { listener, round, stage }: RoundStep,
  act: () => Promise<T>,
): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const failed = orDiskFull(error);
    const problem = worthTelling(failed);
    if (listener !== undefined && problem !== undefined) {
      const { workflowId, uid, slot } = listener;
      const { reason, message } = problem;
      const told = { reason, message: `${message}; it is tried again ${waits[reason] ?? 'until it works'}` };
      const value: StageHeldUp = { heldUp: told, round, stage: stage as Stage };
      // Temporal being away as well is no reason to fail differently.
      await signaller.observed(workflowId, { slot, uid, value }).catch(() => undefined);
    }
    throw failed;
  }
}
