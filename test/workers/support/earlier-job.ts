/** An incremental job whose history the real one cannot go through again, and which has started a round. */
import { condition, sleep, startChild } from '@temporalio/workflow';

export async function incrementalLearningJob(): Promise<void> {
  await sleep(1);
  await startChild('incrementalRound', { workflowId: 'earlier-round', taskQueue: 'nobody' });
  await condition(() => false);
}
