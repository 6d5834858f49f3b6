/** A full disk is no failure of what ran into it: the job is told, and the same step is tried again until there is room. */
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

/**
 * Runs a step of a round; what a full disk did becomes `DiskFull`, which Temporal retries for as long as it takes. The job is told at
 * the first attempt and then ever more rarely, so that a disk that stays full for days does not fill the job's history.
 */
export async function heldUpByFullDisk<T>(
  signaller: EntitySignaller,
  { listener, round, stage }: RoundStep,
  act: () => Promise<T>,
): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const problem = orDiskFull(error);
    if (!(problem instanceof ApplicationFailure) || problem.type !== 'DiskFull') throw problem;
    if (listener !== undefined && isPowerOfTwo(Context.current().info.attempt)) {
      const { workflowId, uid, slot } = listener;
      const heldUp = { reason: 'DiskFull', message: `${problem.message}; it is tried again until there is room` };
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
