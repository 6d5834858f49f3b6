/**
 * What Temporal tries again is no failure of a step: a full disk, a dataset that somebody is just writing, a model whose file is damaged. The
 * job is told, and the same step is tried again until there is room, or something to read.
 */
import { CancelledFailure, Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { StageHeldUp, Stage } from '../../../workflows/lib/incremental/state.ts';
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

/** What has no name may be a hiccup: it is told when the next attempt fails as well. */
const patientAttempts = 2;

/**
 * Runs a step of a round. The job is told of a failure that is tried again at the first attempt and then ever more rarely, so that a disk
 * that stays full for days does not fill the job's history.
 */
export async function heldUp<T>(
  signaller: EntitySignaller,
  { listener, round, stage }: RoundStep,
  act: () => Promise<T>,
): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const failed = orDiskFull(error);
    if (listener === undefined || isFinal(failed)) throw failed;
    const { reason, message } = problemOf(failed);
    const { attempt } = Context.current().info;
    if (isSaidAgain(attempt) && (reason in waits || attempt >= patientAttempts)) {
      const { workflowId, uid, slot } = listener;
      const told = { reason, message: `${message}; it is tried again ${waits[reason] ?? 'until it works'}` };
      const value: StageHeldUp = { heldUp: told, round, stage: stage as Stage };
      // Temporal being away as well is no reason to fail differently.
      await signaller.observed(workflowId, { slot, uid, value }).catch(() => undefined);
    }
    throw failed;
  }
}

function isFinal(error: unknown): boolean {
  return error instanceof CancelledFailure || (error instanceof ApplicationFailure && error.nonRetryable === true);
}
