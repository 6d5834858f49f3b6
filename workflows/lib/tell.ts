import { getExternalWorkflowHandle, isCancellation, log } from '@temporalio/workflow';

/** Signals another workflow. False when it is gone: whoever has news for it decides what that means. */
export async function tell(workflowId: string, name: string, ...args: unknown[]): Promise<boolean> {
  try {
    await getExternalWorkflowHandle(workflowId).signal(name, ...args);
    return true;
  } catch (error) {
    if (isCancellation(error)) throw error;
    log.debug('a workflow that this one knew is gone', { id: workflowId, error: String(error) });
    return false;
  }
}
