import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { signals, type ObservedMessage } from '../../workflows/lib/messages.ts';

/** How activities speak to workflows. A closed workflow is no error to anybody who has news for it. */
export interface EntitySignaller {
  observed(workflowId: string, message: ObservedMessage): Promise<void>;
  /** Whether this run of a workflow still goes on. */
  runs(workflowId: string, runId: string): Promise<boolean>;
}

/** `node`: whose news it sends. */
export function signallerOf(client: Client, node?: string): EntitySignaller {
  return {
    async observed(workflowId, message) {
      const said = node === undefined ? message : { ...message, node };
      await client.workflow.getHandle(workflowId).signal(signals.observed, said);
    },
    async runs(workflowId, runId) {
      try {
        return (await client.workflow.getHandle(workflowId, runId).describe()).status.name === 'RUNNING';
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return false;
        throw error;
      }
    },
  };
}
