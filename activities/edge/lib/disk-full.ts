/**
 * A full disk is no failure of what ran into it, nor is a dataset that somebody is just writing: the job is told, and the same step is tried
 * again until there is room, or something to read.
 */
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { StageHeldUp, Stage } from '../../../workflows/lib/incremental/state.ts';
import type { Listener } from '../../contracts.ts';
import { orDiskFull } from '../../lib/failure.ts';
import type { EntitySignaller } from '../../lib/signaller.ts';

export interface RoundStep {
  listener: Listener | undefined;
  round: number;
  stage: string;
}

/** What is waited for, in the words of the job. */
const waits = { DiskFull: 'until there is room', DatasetUnreadable: 'until it can be read' } as const;
type Wait = keyof typeof waits;

/** Runs a step of a round; what a full disk did becomes `DiskFull`, which Temporal retries for as long as it takes. */
export async function heldUpByFullDisk<T>(
  signaller: EntitySignaller,
  step: RoundStep,
  act: () => Promise<T>,
): Promise<T> {
  return heldUpBy(['DiskFull'], signaller, step, act);
}

/**
 * As above, also for other failures that Temporal retries without end. The job is told at the first attempt and then ever more rarely,
 * so that a disk that stays full for days does not fill the job's history.
 */
export async function heldUpBy<T>(
  reasons: readonly Wait[],
  signaller: EntitySignaller,
  { listener, round, stage }: RoundStep,
  act: () => Promise<T>,
): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const problem = orDiskFull(error);
    const reason = problem instanceof ApplicationFailure ? reasons.find((known) => known === problem.type) : undefined;
    if (!(problem instanceof ApplicationFailure) || reason === undefined) throw problem;
    if (listener !== undefined && isPowerOfTwo(Context.current().info.attempt)) {
      const { workflowId, uid, slot } = listener;
      const heldUp = { reason, message: `${problem.message}; it is tried again ${waits[reason]}` };
      const value: StageHeldUp = { heldUp, round, stage: stage as Stage };
      // Temporal being away as well is no reason to fail differently.
      await signaller.observed(workflowId, { slot, uid, value }).catch(() => undefined);
    }
    throw problem;
  }
}

function isPowerOfTwo(n: number): boolean {
  return (n & (n - 1)) === 0;
}
