import type { Client } from '@temporalio/client';
import { signals, type ObservedMessage } from '../../workflows/lib/messages.ts';

/** How activities speak to entities. A closed workflow is no error to anybody who has news for it. */
export interface EntitySignaller {
  observed(workflowId: string, message: ObservedMessage): Promise<void>;
}

export function signallerOf(client: Client): EntitySignaller {
  return {
    async observed(workflowId, message) {
      await client.workflow.getHandle(workflowId).signal(signals.observed, message);
    },
  };
}
