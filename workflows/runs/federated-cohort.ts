/**
 * Some of the clients of a large round: asks all of them at once, and tells the run what they answer, several answers at a time. The tasks are those that
 * the run would ask, of the same identity, so whoever asks again (the run, after this workflow was ended; another one) finds what was answered.
 * Temporal retries what nodes do. Ends when all is told, when the run cancels it, or with the run.
 */
import { CancellationScope, condition, isCancellation, setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import {
  firstBatch,
  type Answer,
  type AnswerBatch,
  type CohortInput,
  type CohortOutcome,
} from '../lib/federated/cohorts.ts';
import { askClient } from '../lib/federated/inviting.ts';
import { tell } from '../lib/tell.ts';

export async function federatedCohort({ invitation, trainers, tellEveryMs }: CohortInput): Promise<CohortOutcome> {
  const { parent, firstExecutionRunId: cohort } = workflowInfo();
  let untold: Answer[] = [];
  let atWork = trainers.length;
  let broken: Error | undefined;
  for (const trainer of trainers) {
    void askClient(invitation, trainer)
      .then((result) => {
        untold.push({ client: trainer.client, result });
        atWork -= 1;
      })
      .catch((error: unknown) => {
        if (!isCancellation(error)) broken = error as Error;
      });
  }
  const isOver = (): boolean => atWork === 0 || broken !== undefined;
  for (;;) {
    await condition(() => untold.length > 0 || isOver());
    if (broken !== undefined) throw broken;
    const answers = firstBatch(untold);
    untold = untold.slice(answers.length);
    setCurrentDetails(`**${trainers.length - atWork} of ${trainers.length}** clients have answered`);
    if (atWork === 0 && untold.length === 0) return { answers };
    const batch: AnswerBatch = { cohort, answers };
    if (parent === undefined || !(await tell(parent.workflowId, 'answers', batch))) return leave();
    if (!isOver()) await condition(isOver, tellEveryMs);
  }
}

/** Nobody is there to be told. */
function leave(): CohortOutcome {
  CancellationScope.current().cancel();
  return { answers: [] };
}
