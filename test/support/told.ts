import type { EntitySignaller } from '../../activities/lib/signaller.ts';
import type { ObservedMessage } from '../../workflows/lib/messages.ts';

/** Hears what activities tell workflows, where no workflow is. */
export class Told implements EntitySignaller {
  readonly heard: (ObservedMessage & { workflowId: string })[] = [];

  async observed(workflowId: string, message: ObservedMessage): Promise<void> {
    this.heard.push({ workflowId, ...message });
  }

  async runs(): Promise<boolean> {
    return true;
  }
}
