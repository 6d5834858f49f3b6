/** A cohort as a child of the run, from its start to its end. */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ChildWorkflowCancellationType,
  ParentClosePolicy,
  WorkflowIdReusePolicy,
  getExternalWorkflowHandle,
  isCancellation,
  sleep,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import { cohortId } from '../ids.ts';
import type { federatedCohort } from '../../runs/federated-cohort.ts';
import type { Answer, CohortInput } from './cohorts.ts';

interface Cohort {
  /** Among those of the round. */
  index: number;
  input: CohortInput;
}

interface Attending {
  /** Called with Temporal's id of its run: before anything that it signals, and after everything. */
  begun: (run: string) => void;
  ended: (run: string) => void;
}

const closingTries = 50;
const closingMs = 200;

/** Its last words. Throws when it ends otherwise, or cannot be started; then some of its clients may have no answer. */
export async function attend(cohort: Cohort, { begun, ended }: Attending): Promise<Answer[]> {
  const child = await startOnceFree(cohort);
  begun(child.firstExecutionRunId);
  try {
    return (await child.result()).answers;
  } finally {
    ended(child.firstExecutionRunId);
  }
}

/** One of the same id is of the run before this one, which has taken it along, and takes a moment to close. */
async function startOnceFree(cohort: Cohort) {
  for (let tries = 1; ; tries++) {
    try {
      return await start(cohort);
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError) || tries === closingTries) throw error;
      await cancel(error.workflowId);
      await sleep(closingMs);
    }
  }
}

/** The end of the run, whatever it is, is theirs: no orphan is left, and the next run asks again. */
function start({ index, input }: Cohort) {
  const { round } = input.invitation;
  const { trainers } = input;
  const clients = `${trainers.length} clients, ${trainers[0]?.client} to ${trainers.at(-1)?.client}`;
  return startChild<typeof federatedCohort>('federatedCohort', {
    workflowId: cohortId(workflowInfo().workflowId, round, index),
    args: [input],
    parentClosePolicy: ParentClosePolicy.TERMINATE,
    cancellationType: ChildWorkflowCancellationType.TRY_CANCEL,
    workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
    staticSummary: `round ${round} · cohort ${index + 1} · ${clients}`,
  });
}

async function cancel(id: string): Promise<void> {
  try {
    await getExternalWorkflowHandle(id).cancel();
  } catch (error) {
    if (isCancellation(error)) throw error; // Any other: it has closed.
  }
}
