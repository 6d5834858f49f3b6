/** What a round asks of its clients, and one client being asked. */
import { isCancellation } from '@temporalio/workflow';
import type { TrainClientInput, TrainClientResult } from '../../../activities/contracts.ts';
import { clientTask } from '../activities.ts';
import { problemOf } from '../problems.ts';
import { taskFor, type TaskCommon, type Trainer } from './trainers.ts';

/** The same for all clients. */
export interface Invitation {
  common: TaskCommon;
  round: number;
  /** They are so many that only trouble is worth telling: else each would be several signals to the job. */
  quiet?: true;
  work: Pick<TrainClientInput, 'task' | 'weights' | 'settings' | 'encoding' | 'evaluate'>;
}

/** Asks one client until it has answered. Its worker dying is retried by Temporal; a refusal is an answer. */
export async function askClient(
  { common, round, quiet, work }: Invitation,
  trainer: Trainer,
  turn = 0,
): Promise<TrainClientResult> {
  const { client, node } = trainer;
  const task = { ...taskFor(common, trainer, round, turn), ...work, ...(quiet === undefined ? {} : { quiet }) };
  try {
    return await clientTask(node, `round ${round} · client ${client} on ${node}`).trainClient(task);
  } catch (error) {
    if (isCancellation(error)) throw error;
    return { refused: problemOf(error), client, node };
  }
}
